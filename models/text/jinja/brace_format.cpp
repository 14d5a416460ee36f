// SPDX-License-Identifier: Apache-2.0
// 'format'.format(values…), as Python's str has it.
#include <cmath>

#include "../../../engine/base/format.h"
#include "layout.h"
#include "numbers.h"

namespace tern::jinja {

namespace {

/// A value by the specification behind the colon of {…:…}.
std::string specified(Runtime& r, const Value& v, std::string_view specification) {
  if (specification.empty()) return r.text(v);
  Reader reader(r, specification);
  Layout layout;
  NumberStyle style;
  style.type = 0;
  const size_t first = text::utf8_length(specification[0]);
  constexpr std::string_view kAligns = "<>=^";
  if (first < specification.size() && kAligns.find(specification[first]) != kAligns.npos) {
    layout.fill = reader.character();
    layout.align = reader.take();
  } else if (kAligns.find(specification[0]) != kAligns.npos) {
    layout.align = reader.take();
  }
  if (reader.peek() == '+' || reader.peek() == '-' || reader.peek() == ' ')
    layout.sign = reader.take();
  style.alternate = reader.skip('#');
  if (reader.skip('0') && !layout.align)
    layout.fill.assign(1, '0'), layout.align = v.is_string() ? '<' : '=';
  layout.width = reader.number(0);
  if (reader.peek() == ',' || reader.peek() == '_') style.grouping = reader.take();
  if (reader.skip('.')) style.precision = static_cast<int>(reader.number(-1));
  if (!reader.done()) style.type = reader.take();
  if (!reader.done()) r.fail("Invalid format specifier");

  if (v.is_string() && (style.type == 's' || style.type == 0)) {
    if (layout.align == '=') r.fail("'=' alignment not allowed in string format specifier");
    return padded(layout, "", first_chars(v.text(), style.precision), '<');
  }
  if (!v.is_number() || v.is(Kind::big)) {
    r.defined(v);
    r.fail(cat("unsupported format string passed to ", type_name(v), ".__format__"));
  }
  if (layout.fill == "0" && layout.align == '=' && style.grouping)
    r.fail_unsupported("zero fill with separators");
  constexpr std::string_view kWhole = "dxXob";
  if (v.is_integral() && (style.type == 0 || kWhole.find(style.type) != kWhole.npos)) {
    if (style.precision >= 0) r.fail("Precision not allowed in integer format specifier");
    if (v.is(Kind::boolean) && style.type == 0) return padded(layout, "", r.text(v), '<');
    if (style.type == 0) style.type = 'd';
    return padded(layout, sign_of(v.integer() < 0, layout.sign),
                  integer_digits(magnitude(v.integer()), style), '>');
  }
  constexpr std::string_view kReal = "eEfFgG%";
  const double d = real_number(r, v);
  if (style.type == 0 && style.precision < 0) {
    const std::string digits = float_repr(std::fabs(d));
    if (style.grouping) r.fail_unsupported("separators in a float without a type");
    return padded(layout, sign_of(std::signbit(d), layout.sign), digits, '>');
  }
  if (style.type == 0) r.fail_unsupported("a precision without a type");
  if (kReal.find(style.type) == kReal.npos)
    r.fail(cat("Unknown format code '", std::string(1, style.type), "'"));
  return padded(layout, sign_of(std::signbit(d) && !std::isnan(d), layout.sign),
                float_digits(std::fabs(d), style), '>');
}

class BraceFormat {
 public:
  BraceFormat(Runtime& r, const Arguments& arguments) : r_(r), arguments_(arguments) {}

  std::string run(std::string_view format, int depth) {
    std::string out;
    Reader reader(r_, format);
    while (!reader.done()) {
      r_.step();
      const char c = reader.take();
      if ((c == '{' || c == '}') && reader.skip(c)) {
        out += c;
      } else if (c == '{') {
        out += field(reader, depth);
      } else if (c == '}') {
        r_.fail("Single '}' encountered in format string");
      } else {
        out += c;
      }
      if (out.size() > r_.limits().bytes) r_.bytes(out.size());
    }
    return out;
  }

 private:
  /// What lies between the braces, nested ones included.
  std::string field(Reader& reader, int depth) {
    if (depth > 1) r_.fail("Max string recursion exceeded");
    const std::string_view rest = reader.rest();
    size_t end = 0;
    for (int open = 1; end < rest.size(); ++end) {
      open += rest[end] == '{' ? 1 : rest[end] == '}' ? -1 : 0;
      if (open == 0) break;
    }
    if (end == rest.size()) r_.fail("expected '}' before end of string");
    std::string_view body = rest.substr(0, end);
    reader.advance(end + 1);
    const size_t colon = std::min(body.find(':'), body.size());
    const size_t mark = std::min(body.find('!'), body.size());
    const size_t name_end = std::min(colon, mark);
    Value v = look_up(body.substr(0, name_end));
    if (mark < colon) {
      const char conversion = mark + 1 < body.size() ? body[mark + 1] : '\0';
      if (mark + 2 != colon) r_.fail("expected ':' after conversion specifier");
      if (conversion == 'r') {
        v = r_.string(r_.repr(v));
      } else if (conversion == 's') {
        v = r_.string(r_.text(v));
      } else {
        r_.fail_unsupported("this conversion in a format");
      }
    }
    const std::string specification =
        colon < body.size() ? run(body.substr(colon + 1), depth + 1) : std::string();
    return specified(r_, v, specification);
  }

  Value first(std::string_view name) {
    const bool digits = !name.empty() && name.find_first_not_of("0123456789") == name.npos;
    if (digits || name.empty()) {
      bool big = false;
      const size_t index =
          name.empty() ? next_++
                       : static_cast<size_t>(parse_integer(name, 10, big).value_or(INT32_MAX));
      if (index >= arguments_.positional.size()) {
        r_.fail("Replacement index out of range for positional args tuple");
      }
      return arguments_.positional[index];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    r_.fail(cat("format: no argument '", name, "'"));
  }

  Value look_up(std::string_view path) {
    size_t at = std::min(path.find_first_of(".["), path.size());
    Value v = first(path.substr(0, at));
    while (at < path.size()) {
      r_.step();
      if (path[at] == '.') {
        const size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
        v = attribute(r_, v, std::string(path.substr(at + 1, end - at - 1)));
        at = end;
        continue;
      }
      const size_t end = path[at] == '[' ? path.find(']', at) : path.npos;
      if (end == path.npos) r_.fail("Missing ']' in format string");
      const std::string_view key = path.substr(at + 1, end - at - 1);
      bool big = false;
      const bool digits = !key.empty() && key.find_first_not_of("0123456789") == key.npos;
      const auto index = digits ? parse_integer(key, 10, big) : std::nullopt;
      v = item(r_, v, index ? Value::of(*index) : r_.string(std::string(key)));
      at = end + 1;
    }
    return v;
  }

  Runtime& r_;
  const Arguments& arguments_;
  size_t next_ = 0;
};

}  // namespace

std::string brace_format(Runtime& r, std::string_view format, const Arguments& arguments) {
  return BraceFormat(r, arguments).run(format, 0);
}

}  // namespace tern::jinja
