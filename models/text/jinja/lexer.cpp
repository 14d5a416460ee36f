// SPDX-License-Identifier: Apache-2.0
// See lexer.h. One pass: in text the next tag is searched for, in a tag one token after the other
// is taken. A tag's end is only seen when all its brackets are closed, so }} may end two dicts.
#include "lexer.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "literals.h"
#include "numbers.h"
#include "python_text.h"

namespace tern::jinja {

void fail_syntax(int line, std::string_view message) {
  fail(ErrorCode::corrupt, cat("chat template, line ", line, ": ", message));
}

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_name_char(char32_t c) noexcept {
  if (c < 0x80) return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  return (char_flags(c) & (kAlpha | kDecimal | kNumeric)) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(normalized(source)) {}

  std::deque<Token> run() {
    while (at_ < text_.size()) data();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  /// Line ends become \n; one at the very end is dropped.
  static std::string normalized(std::string_view source) {
    std::string out;
    out.reserve(source.size());
    for (size_t i = 0; i < source.size(); ++i) {
      if (source[i] == '\r') {
        out += '\n';
        if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      } else {
        out += source[i];
      }
    }
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }

  void add(Token::Kind kind, std::string_view text) {
    Token token;
    token.kind = kind;
    token.line = line_;
    token.text = text;
    tokens_.push_back(std::move(token));
  }

  /// Moves to `to`; what lies between has been dealt with.
  void advance(size_t to) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(at_),
                                         text_.begin() + static_cast<ptrdiff_t>(to), '\n'));
    if (to > at_) line_starting_ = text_[to - 1] == '\n';
    at_ = to;
  }

  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  size_t behind_spaces(size_t i) const {
    while (i < text_.size()) {
      size_t next = i;
      if (!is_space(text::next_char(text_, next))) break;
      i = next;
    }
    return i;
  }

  /// Text before a tag whose sign is `sign`. White space between the start of a line and a block or
  /// comment goes.
  void add_data(std::string_view data, char sign, bool variable) {
    if (sign == '-') {
      data = strip(data, Ends::right);
    } else if (sign != '+' && !variable) {
      const size_t line_begin = data.rfind('\n') + 1;
      if ((line_begin > 0 || line_starting_) &&
          strip(data.substr(line_begin), Ends::left).empty()) {
        data = data.substr(0, line_begin);
      }
    }
    if (!data.empty()) add(Token::Kind::data, data);
  }

  char sign_at(size_t i) const {
    return i < text_.size() && (text_[i] == '-' || text_[i] == '+') ? text_[i] : '\0';
  }

  void data() {
    size_t tag = at_;
    for (;; ++tag) {
      tag = text_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= text_.size()) {
        add(Token::Kind::data, rest());
        advance(text_.size());
        return;
      }
      const char c = text_[tag + 1];
      if (c == '%' || c == '{' || c == '#') break;
    }
    const char kind = text_[tag + 1], sign = sign_at(tag + 2);
    add_data(std::string_view(text_).substr(at_, tag - at_), sign, kind == '{');
    if (kind == '%') {
      if (const size_t begin = raw_begin(tag)) {
        advance(begin);
        return raw();
      }
    }
    advance(tag);
    const size_t inside = tag + 2 + (sign ? 1 : 0);
    if (kind == '#') {
      advance(inside);
      return comment();
    }
    add(kind == '%' ? Token::Kind::block_begin : Token::Kind::variable_begin, "");
    advance(inside);
    inside_tag(kind == '%');
  }

  void comment() {
    const size_t end = text_.find("#}", at_);
    if (end == std::string::npos) fail_syntax(line_, "Missing end of comment tag");
    advance(tag_end(end, at_));
  }

  /// Behind a %} or #} at `end`, by the sign before it (which lies not before `from`).
  size_t tag_end(size_t end, size_t from) const {
    const char sign = end > from ? sign_at(end - 1) : '\0';
    if (sign == '-') return behind_spaces(end + 2);
    const bool new_line = sign != '+' && end + 2 < text_.size() && text_[end + 2] == '\n';
    return end + 2 + (new_line ? 1 : 0);
  }

  /// Where the contents of a {% raw %} at `tag` begin; 0: it is another tag.
  size_t raw_begin(size_t tag) const {
    size_t i = behind_spaces(tag + 2 + (sign_at(tag + 2) ? 1 : 0));
    if (text_.compare(i, 3, "raw") != 0) return 0;
    i = behind_spaces(i + 3);
    if (text_.compare(i, 3, "-%}") == 0) return behind_spaces(i + 3);
    return text_.compare(i, 2, "%}") == 0 ? i + 2 : 0;
  }

  void raw() {
    for (size_t tag = text_.find("{%", at_); tag != std::string::npos;
         tag = text_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      size_t i = behind_spaces(tag + 2 + (sign ? 1 : 0));
      if (text_.compare(i, 6, "endraw") != 0) continue;
      i = behind_spaces(i + 6);
      const size_t end = i + (sign_at(i) ? 1 : 0);
      if (text_.compare(end, 2, "%}") != 0) continue;
      add_data(std::string_view(text_).substr(at_, tag - at_), sign, false);
      advance(tag_end(end, i));
      return;
    }
    fail_syntax(line_, "Missing end of raw directive");
  }

  void inside_tag(bool block) {
    std::vector<char> open;
    while (at_ < text_.size()) {
      if (open.empty() && end_of_tag(block)) return;
      size_t next = at_;
      const char32_t c = text::next_char(text_, next);
      if (is_space(c)) {
        advance(behind_spaces(at_));
      } else if (c < 0x80 && is_digit(static_cast<char>(c))) {
        number();
      } else if (is_name_char(c)) {
        name();
      } else if (c == '\'' || c == '"') {
        string(static_cast<char>(c));
      } else {
        operation(open);
      }
    }
  }

  bool end_of_tag(bool block) {
    const bool sign = text_[at_] == '-' || (block && text_[at_] == '+');
    const size_t end = at_ + (sign ? 1 : 0);
    if (text_.compare(end, 2, block ? "%}" : "}}") != 0) return false;
    add(block ? Token::Kind::block_end : Token::Kind::variable_end, "");
    if (block) {
      advance(tag_end(end, at_));
    } else {
      advance(sign ? behind_spaces(end + 2) : end + 2);
    }
    return true;
  }

  void name() {
    size_t end = at_;
    while (end < text_.size()) {
      size_t next = end;
      if (!is_name_char(text::next_char(text_, next))) break;
      end = next;
    }
    add(Token::Kind::name, rest().substr(0, end - at_));
    advance(end);
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? size_t{2} : 1;
    if (end >= text_.size())
      fail_syntax(line_, cat("unexpected char '", std::string(1, quote), "'"));
    add(Token::Kind::string, unescape(rest().substr(1, end - at_ - 1), line_));
    advance(end + 1);
  }

  /// Digits with single underscores between them, from `i` on.
  size_t digits(size_t i) const {
    while (i < text_.size() &&
           (is_digit(text_[i]) || (text_[i] == '_' && i + 1 < text_.size() &&
                                   is_digit(text_[i + 1]) && i > 0 && is_digit(text_[i - 1])))) {
      ++i;
    }
    return i;
  }

  void number() {
    size_t end = digits(at_);
    bool real = false;
    if (at_ == 0 || text_[at_ - 1] != '.') {
      size_t i = end;
      if (i + 1 < text_.size() && text_[i] == '.' && is_digit(text_[i + 1])) {
        i = end = digits(i + 1);
        real = true;
      }
      if (i < text_.size() && (text_[i] | 32) == 'e') {
        ++i;
        if (i < text_.size() && (text_[i] == '+' || text_[i] == '-')) ++i;
        if (i < text_.size() && is_digit(text_[i])) {
          end = digits(i);
          real = true;
        }
      }
    }
    Token token;
    token.kind = Token::Kind::number;
    token.line = line_;
    if (real) {
      token.value = Value::of(parse_float(rest().substr(0, end - at_)).value_or(0));
    } else {
      end = integer_end();
      token.value = integer(rest().substr(0, end - at_));
    }
    tokens_.push_back(std::move(token));
    advance(end);
  }

  /// 0b…, 0o…, 0x…, a decimal without leading zeros, or zeros.
  size_t integer_end() const {
    const char mark = at_ + 1 < text_.size() ? static_cast<char>(text_[at_ + 1] | 32) : '\0';
    const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (text_[at_] == '0' && base) {
      const auto is_of_base = [&](size_t i) {
        if (i >= text_.size()) return false;
        const int d = text::hex_digit(text_[i]);
        return d >= 0 && d < base;
      };
      size_t i = at_ + 2;
      while (is_of_base(i) || (i < text_.size() && text_[i] == '_' && is_of_base(i + 1))) ++i;
      if (i > at_ + 2) return i;
    }
    if (text_[at_] != '0') return digits(at_);
    size_t i = at_ + 1;
    while (i < text_.size() &&
           (text_[i] == '0' || (text_[i] == '_' && i + 1 < text_.size() && text_[i + 1] == '0')))
      ++i;
    return i;
  }

  Value integer(std::string_view digits) const {
    bool big = false;
    if (const auto i = parse_integer(digits, 0, big)) return Value::of(*i);
    if (!big || digits.find_first_of("xXoObB") != digits.npos)
      fail_syntax(line_, "an integer too large");
    std::string plain(digits);
    plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
    return make_big(std::move(plain));
  }

  void operation(std::vector<char>& open) {
    static constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    const std::string_view two = rest().substr(0, 2);
    const bool pair = std::find(std::begin(kTwo), std::end(kTwo), two) != std::end(kTwo);
    const char c = text_[at_];
    if (!pair && kOne.find(c) == kOne.npos) {
      fail_syntax(line_, cat("unexpected char ", repr(rest().substr(0, text::utf8_length(c)))));
    }
    const std::string_view op = pair ? two : two.substr(0, 1);
    if (!pair && (c == '(' || c == '[' || c == '{'))
      open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (!pair && (c == ')' || c == ']' || c == '}')) {
      if (open.empty()) fail_syntax(line_, cat("unexpected '", op, "'"));
      if (open.back() != c) {
        fail_syntax(line_,
                    cat("unexpected '", op, "', expected '", std::string(1, open.back()), "'"));
      }
      open.pop_back();
    }
    add(Token::Kind::op, op);
    advance(at_ + op.size());
  }

  const std::string text_;
  std::deque<Token> tokens_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::deque<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace tern::jinja
