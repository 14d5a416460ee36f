// SPDX-License-Identifier: Apache-2.0
#include "schema_pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "../../../engine/base/format.h"
#include "../../../hub/formats/json.h"
#include "../../text/unicode/utf8.h"
#include "schema_text.h"

namespace tern::grammar {

namespace {

constexpr std::string_view kNotPlain = R"("\\\x00-\x1F)";  // in brackets: what JSON escapes
using Range = std::pair<char32_t, char32_t>;

class PatternReader {
 public:
  PatternReader(std::string_view text, const std::function<void(std::string_view)>& refuse)
      : text_(text), refuse_(refuse) {}

  std::string run() {
    while (at_ < text_.size()) read();
    if (depth_ > 0) refuse_("a '(' without its ')'");
    return cat(R"("\"" ()", out_, R"() "\"")");
  }

 private:
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void read() {
    const size_t begin = at_;
    const char c = text_[at_];
    switch (c) {
      case '^':
        if (depth_ > 0 || (begin > 0 && text_[begin - 1] != '|')) refuse_("'^' inside");
        ++at_, repeats_ = false;
        break;
      case '$':
        ++at_, repeats_ = false;
        if (depth_ > 0 || (at_ < text_.size() && peek() != '|')) refuse_("'$' inside");
        break;
      case '(':
        ++at_, ++depth_, repeats_ = false;
        if (peek() == '?' && !take("?:")) refuse_("'(?'");
        out_ += " (";
        break;
      case ')':
        if (depth_-- == 0) refuse_("a ')' without its '('");
        ++at_, repeats_ = true, out_ += ")";
        break;
      case '|':
        ++at_, repeats_ = false, out_ += " | ";
        break;
      case '*':
      case '+':
      case '?':
      case '{':
        quantifier();
        break;
      case '.':
        ++at_, atom(cat("[^", kNotPlain, "\\u2028\\u2029]"));
        break;
      case '[':
        char_class();
        break;
      case '\\':
        escape();
        break;
      default:
        atom(literal(text::next_char(text_, at_)));
    }
  }

  void atom(const std::string& part) {
    out_ += cat(" ", part);
    repeats_ = true;
  }
  static std::string literal(char32_t c) {
    std::string character;
    text::append_char(character, c);
    const std::string json = hub::json_quote(character);
    return quoted(std::string_view(json).substr(1, json.size() - 2));
  }

  /// A '?' behind it, which takes few, changes nothing: all of the text is matched.
  void quantifier() {
    const size_t begin = at_;
    if (!repeats_) refuse_("something to repeat is missing");
    if (text_[at_++] == '{') {
      const size_t end = text_.find('}', begin);
      const std::string_view inside = text_.substr(at_, std::min(end, text_.size()) - at_);
      const bool digits = std::all_of(inside.begin(), inside.end(),
                                      [](char c) { return (c >= '0' && c <= '9') || c == ','; });
      if (end == text_.npos || !digits || inside.empty() || inside[0] == ',' ||
          std::count(inside.begin(), inside.end(), ',') > 1) {
        refuse_("'{'");
      }
      at_ = end + 1;
    }
    out_ += text_.substr(begin, at_ - begin);
    take("?");
    repeats_ = false;
  }

  static bool is_named(char c) { return c == 'd' || c == 'w' || c == 's'; }
  /// The ranges of \d, \w, \s (of which a blank stands for all); where the others are meant,
  /// without what only some dialects count to them.
  static std::vector<Range> named(char c, bool others) {
    std::vector<Range> out;
    if (c == 'd') out = {{'0', '9'}};
    if (c == 's') out = {{' ', ' '}};
    if (c == 'w') out = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    if (others) out.emplace_back(0x80, 0x10FFFF);
    return out;
  }
  static std::string hex(char32_t c) {
    std::string out = "\\U";
    for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789ABCDEF"[c >> shift & 15];
    return out;
  }
  static std::string brackets(const std::vector<Range>& ranges, bool others) {
    std::string out = others ? cat("[^", kNotPlain) : "[";
    for (const auto& [low, high] : ranges) out += cat(hex(low), "-", hex(high));
    return out + "]";
  }

  void escape() {
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    const char lower = static_cast<char>(c | 0x20);
    const bool others = c != lower;
    if (!is_named(lower)) return atom(literal(escaped()));
    at_ += 2;
    atom(brackets(named(lower, others), others));
  }
  /// One character behind a backslash.
  char32_t escaped() {
    const size_t begin = at_++;
    const char c = peek();
    if (at_ < text_.size()) ++at_;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'x':
        return number(2);
      case 'u':
        return number(4);
      default:
        break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '\0' || static_cast<unsigned char>(c) >= 0x80)
      refuse_(text_.substr(begin, 2));
    return static_cast<unsigned char>(c);
  }
  char32_t number(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const int digit = text::hex_digit(peek());
      if (digit < 0) refuse_("a hexadecimal number that is too short");
      value = value << 4 | static_cast<char32_t>(digit);
    }
    if (value >= 0xD800 && value <= 0xDFFF) refuse_("a surrogate");
    return value;
  }

  void char_class() {
    ++at_;
    const bool others = take("^");
    std::vector<Range> ranges;
    while (peek() != ']') {
      if (at_ >= text_.size()) refuse_("a '[' without its ']'");
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (peek() == '\\' && is_named(next)) {
        at_ += 2;
        const std::vector<Range> more = named(next, others);
        ranges.insert(ranges.end(), more.begin(), more.end());
        continue;
      }
      const char32_t low = class_char();
      char32_t high = low;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        high = class_char();
        if (high < low) refuse_("a range whose end comes first");
      }
      ranges.emplace_back(low, high);
    }
    ++at_;
    if (!others) ranges = plain(ranges);
    if (ranges.empty() && !others) refuse_("a class of what JSON escapes");
    atom(brackets(ranges, others));
  }
  char32_t class_char() {
    if (at_ >= text_.size()) refuse_("a '[' without its ']'");
    return text_[at_] == '\\' ? escaped() : text::next_char(text_, at_);
  }
  static std::vector<Range> plain(const std::vector<Range>& ranges) {
    constexpr Range kPlain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    std::vector<Range> out;
    for (const auto& [low, high] : ranges) {
      for (const auto& [least, most] : kPlain) {
        if (std::max(low, least) <= std::min(high, most))
          out.emplace_back(std::max(low, least), std::min(high, most));
      }
    }
    return out;
  }

  std::string_view text_;
  const std::function<void(std::string_view)>& refuse_;
  std::string out_;
  size_t at_ = 0, depth_ = 0;
  bool repeats_ = false;  // what was read last may be repeated
};

}  // namespace

std::string of_pattern(std::string_view pattern,
                       const std::function<void(std::string_view part)>& refuse) {
  return PatternReader(pattern, refuse).run();
}

}  // namespace tern::grammar
