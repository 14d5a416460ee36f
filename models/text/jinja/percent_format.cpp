// SPDX-License-Identifier: Apache-2.0
// 'format' % values, as Python's str has it.
#include <cmath>

#include "../../../engine/base/format.h"
#include "layout.h"
#include "numbers.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

int64_t whole_number(Runtime& r, const Value& v, char type) {
  if (v.is_integral()) return v.integer();
  if (v.is(Kind::real) && (type == 'd' || type == 'i' || type == 'u')) {
    if (std::fabs(v.real()) < 9.2e18) return static_cast<int64_t>(v.real());
    r.fail_unsupported("an integer beyond 64 bits");
  }
  r.fail(cat("%", std::string(1, type), " format: a number is required, not ", type_name(v)));
}

/// One conversion of a % format.
class PercentFormat {
 public:
  PercentFormat(Runtime& r, const Value& format, const Value& arguments)
      : r_(r), reader_(r, format.text()), arguments_(arguments), escape_(format.markup()) {}

  std::string run() {
    std::string out;
    while (!reader_.done()) {
      r_.step();
      const char c = reader_.take();
      if (c != '%') {
        out += c;
      } else if (reader_.skip('%')) {
        out += '%';
      } else {
        out += conversion();
      }
      if (out.size() > r_.limits().bytes) r_.bytes(out.size());
    }
    if (by_name_ || arguments_.is_undefined() || arguments_.is(Kind::dict) ||
        arguments_.is(Kind::list) || arguments_.is(Kind::range)) {
      return out;  // what has items need not be used up
    }
    const size_t given = arguments_.is(Kind::tuple) ? arguments_.as<List>().items.size() : 1;
    if (next_ < given) r_.fail("not all arguments converted during string formatting");
    return out;
  }

 private:
  const Value& argument() {
    if (arguments_.is(Kind::tuple)) {
      const Values& items = arguments_.as<List>().items;
      if (next_ < items.size()) return items[next_++];
    } else if (next_ == 0) {
      ++next_;
      return arguments_;
    }
    r_.fail("not enough arguments for format string");
  }

  int64_t star_or_number(int64_t fallback) {
    if (!reader_.skip('*')) return reader_.number(fallback);
    const Value& v = argument();
    if (!v.is_integral()) r_.fail("* wants int");
    if (std::abs(std::max(v.integer(), -kWidest - 1)) > kWidest)
      r_.fail("a width in a format is too big");
    return v.integer();
  }

  std::string conversion() {
    const Value* named = nullptr;
    if (reader_.skip('(')) {
      by_name_ = true;
      const std::string key(reader_.until(')'));
      if (!arguments_.is(Kind::dict)) r_.fail("format requires a mapping");
      named = r_.find(arguments_.as<Dict>(), std::string_view(key));
      if (!named) r_.fail(cat("format: no key '", key, "'"));
    }
    Layout layout;
    bool alternate = false, zero = false;
    for (bool more = true; more;) {
      switch (reader_.peek()) {
        case '-':
          layout.align = '<';
          break;
        case '+':
          layout.sign = '+';
          break;
        case ' ':
          layout.sign = layout.sign == '+' ? '+' : ' ';
          break;
        case '#':
          alternate = true;
          break;
        case '0':
          zero = true;
          break;
        default:
          more = false;
          continue;
      }
      reader_.take();
    }
    layout.width = star_or_number(0);
    if (layout.width < 0) {
      layout.width = -layout.width;
      layout.align = '<';
    }
    const int64_t precision = reader_.skip('.') ? std::max<int64_t>(star_or_number(0), 0) : -1;
    while (reader_.peek() == 'l' || reader_.peek() == 'h' || reader_.peek() == 'L') reader_.take();
    const char type = reader_.take();
    if (zero && layout.align != '<' &&
        std::string_view("sraci").find(type) == std::string_view::npos) {
      layout.fill.assign(1, '0');
      layout.align = '=';
    }
    if (zero && layout.align != '<' && type == 'i') layout.fill.assign(1, '0'), layout.align = '=';
    return convert(type, named ? *named : argument(), layout,
                   {type, static_cast<int>(precision), alternate, 0});
  }

  std::string convert(char type, const Value& v, const Layout& layout, NumberStyle style) {
    switch (type) {
      case 's':
      case 'r': {
        std::string text = type == 's' ? r_.text(v) : r_.repr(v);
        if (escape_ && !v.markup()) text = escape_html(text);
        return padded(layout, "", first_chars(text, style.precision), '>');
      }
      case 'c': {
        if (v.is_string() && v.as<String>().chars == 1) return padded(layout, "", v.text(), '>');
        if (!v.is_integral() || v.integer() < 0 || v.integer() > 0x10FFFF)
          r_.fail("%c requires int or char");
        std::string out;
        text::append_char(out, static_cast<char32_t>(v.integer()));
        return padded(layout, "", out, '>');
      }
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': {
        if (v.is(Kind::big) && type == 'd') return padded(layout, "", v.text(), '>');
        const int64_t i = whole_number(r_, v, type);
        return padded(layout, sign_of(i < 0, layout.sign), integer_digits(magnitude(i), style),
                      '>');
      }
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': {
        const double d = real_number(r_, v);
        return padded(layout, sign_of(std::signbit(d) && !std::isnan(d), layout.sign),
                      float_digits(std::fabs(d), style), '>');
      }
      default:
        r_.fail(cat("unsupported format character '", std::string(1, type), "'"));
    }
  }

  Runtime& r_;
  Reader reader_;
  const Value& arguments_;
  const bool escape_;
  size_t next_ = 0;
  bool by_name_ = false;
};

}  // namespace

std::string percent_format(Runtime& r, const Value& format, const Value& arguments) {
  return PercentFormat(r, format, arguments).run();
}

}  // namespace tern::jinja
