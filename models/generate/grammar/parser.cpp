// SPDX-License-Identifier: Apache-2.0
// GBNF to the graph of a Grammar, in one pass without recursion: open groups lie on a list.
#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../hub/formats/json_text.h"
#include "../../key_names.h"
#include "../../text/unicode/utf8.h"
#include "builder.h"
#include "left_recursion.h"

namespace tern::grammar {

namespace {

constexpr size_t kMostText = size_t{4} << 20;  // bytes
constexpr size_t kMostNesting = 1000, kMostRules = size_t{1} << 17;
constexpr int64_t kMostRepetitions = 1 << 16;
constexpr char32_t kLastChar = 0x10FFFF;

bool is_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_';
}

/// All characters that are in none of the ranges.
CharRanges complement(CharRanges ranges) {
  std::sort(ranges.begin(), ranges.end());
  CharRanges out;
  char32_t from = 0;
  for (const auto& [low, high] : ranges) {
    if (low > from) out.emplace_back(from, low - 1);
    from = std::max<char32_t>(from, high + 1);
  }
  if (from <= kLastChar) out.emplace_back(from, kLastChar);
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  Grammar run() {
    if (text_.size() > kMostText)
      fail_at(0, cat("expected at most ", kMostText, " bytes, found ", text_.size()));
    const size_t invalid = hub::find_invalid_utf8(text_);
    if (invalid != std::string_view::npos) fail_at(invalid, "expected UTF-8, found another byte");
    for (skip_space(true); at_ < text_.size(); skip_space(true)) read_rule();
    for (const auto& [name, rule] : names_) {
      if (!rules_[rule].defined)
        fail_at(rules_[rule].seen, cat("rule '", printable_name(name), "' is not defined"));
    }
    const auto root = names_.find("root");
    if (root == names_.end()) fail_at(0, "expected a rule 'root', found none");
    builder_.grammar().root = root->second;
    check_left_recursion();
    return std::move(builder_.grammar());
  }

 private:
  struct Rule {
    std::string_view name;  // of a group: the rule it is in
    size_t seen;            // the first byte of its name, or the group's bracket
    bool defined;
  };
  /// A rule or a group whose end has not come.
  struct Open {
    uint32_t rule;
    uint32_t at;  // where the alternative that is read has come to
    std::optional<Element> last = {};
  };

  [[noreturn]] void fail_at(size_t byte, const std::string& problem) const {
    const std::string_view before = text_.substr(0, byte);
    const size_t line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    const size_t column = static_cast<size_t>(
        std::count_if(before.begin() + static_cast<std::ptrdiff_t>(begin), before.end(),
                      [](char c) { return !text::is_continuation(c); }));
    fail(ErrorCode::invalid_argument, cat(what_, ":", line + 1, ":", column + 1, ": ", problem));
  }
  [[noreturn]] void fail_expected(std::string_view expected) const {
    if (at_ >= text_.size()) fail_at(at_, cat("expected ", expected, ", found the end"));
    const size_t size = text::utf8_length(text_[at_]);
    const std::string found = text_[at_] == '\n'
                                  ? "the end of the line"
                                  : cat("'", printable_name(text_.substr(at_, size)), "'");
    fail_at(at_, cat("expected ", expected, ", found ", found));
  }

  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void skip_space(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size()) - 1;
      } else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) {
        return;
      }
    }
  }

  std::string_view read_name() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == begin) fail_expected("the name of a rule");
    return text_.substr(begin, at_ - begin);
  }

  uint32_t add_rule(std::string_view name, size_t seen, bool defined) {
    if (rules_.size() >= kMostRules)
      fail_at(seen, cat("expected at most ", kMostRules, " rules and groups, found more"));
    rules_.push_back({name, seen, defined});
    builder_.grammar().rules.push_back(builder_.place());
    return static_cast<uint32_t>(rules_.size() - 1);
  }
  uint32_t rule_of_name() {
    const size_t begin = at_;
    const std::string_view name = read_name();
    const auto known = names_.find(name);
    if (known != names_.end()) return known->second;
    const uint32_t rule = add_rule(name, begin, false);
    return names_.emplace(name, rule).first->second;
  }

  void read_rule() {
    const size_t begin = at_;
    const uint32_t rule = rule_of_name();
    if (rules_[rule].defined)
      fail_at(begin, cat("rule '", printable_name(rules_[rule].name), "' is defined twice"));
    rules_[rule].defined = true;
    skip_space(false);
    if (!take("::=")) fail_expected("'::='");
    skip_space(true);
    open(rule);
    while (read_part()) skip_space(open_.size() > 1);
    open_.pop_back();
  }

  /// One thing of the innermost open group; false at the end of the rule.
  bool read_part() {
    switch (peek()) {
      case '"':
        add(literal());
        break;
      case '[':
        add({.chars = {char_class()}});
        break;
      case '.':
        ++at_, add({.chars = {{{0, kLastChar}}}});
        break;
      case '(':
        open_group();
        break;
      case ')':
        close_group();
        break;
      case '|':
        ++at_;
        finish_alternative();
        begin_alternative();
        skip_space(true);
        break;
      case '*':
        ++at_, repeat(0, -1);
        break;
      case '+':
        ++at_, repeat(1, -1);
        break;
      case '?':
        ++at_, repeat(0, 1);
        break;
      case '{':
        read_braces();
        break;
      default:
        return read_name_or_end();
    }
    return true;
  }

  bool read_name_or_end() {
    const bool end = at_ >= text_.size();
    if (open_.size() > 1 && end) fail_expected("')'");
    if (end || text_[at_] == '\n' || text_[at_] == '\r') return finish_alternative(), false;
    if (peek() == '<' || peek() == '!')
      fail_at(at_, "tokens by name or number (<…>) are not supported: write their text");
    if (!is_name(peek()))
      fail_expected("a rule, \"text\", [characters], '(' or the end of the line");
    const uint32_t rule = rule_of_name();
    add({.rule = rule, .calls = true});
    return true;
  }

  void open(uint32_t rule) {
    open_.push_back({rule, 0});
    begin_alternative();
  }
  void begin_alternative() {
    Open& o = open_.back();
    o.at = builder_.place();
    builder_.split(builder_.grammar().rules[o.rule], o.at);
  }
  void finish_element() {
    Open& o = open_.back();
    if (o.last) o.at = builder_.read(o.at, *o.last);
    o.last.reset();
  }
  void finish_alternative() {
    finish_element();
    builder_.end(open_.back().at);
  }
  void add(Element element) {
    finish_element();
    open_.back().last = std::move(element);
  }

  void open_group() {
    if (open_.size() >= kMostNesting)
      fail_at(at_, cat("expected groups at most ", kMostNesting, " deep, found more"));
    open(add_rule(rules_[open_.front().rule].name, at_++, true));
  }
  void close_group() {
    if (open_.size() == 1) fail_expected("no ')' without its '('");
    ++at_;
    finish_alternative();
    const uint32_t rule = open_.back().rule;
    open_.pop_back();
    add({.rule = rule, .calls = true});
  }

  void repeat(int64_t low, int64_t high) {
    Open& o = open_.back();
    if (!o.last) fail_at(at_ - 1, "expected something to repeat before this, found nothing");
    o.at = builder_.repeat(o.at, *o.last, low, high);
    o.last.reset();
  }
  int64_t count() {
    const size_t begin = at_;
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > kMostRepetitions)
        fail_at(begin, cat("expected at most ", kMostRepetitions, " repetitions, found more"));
    }
    if (at_ == begin) fail_expected("a number of repetitions");
    return value;
  }
  void read_braces() {
    const size_t begin = at_++;
    skip_space(true);
    const int64_t low = count();
    int64_t high = low;
    skip_space(true);
    if (take(",")) {
      skip_space(true);
      high = peek() == '}' ? -1 : count();
      skip_space(true);
    }
    if (peek() != '}') fail_expected("'}'");
    if (high >= 0 && high < low)
      fail_at(begin, cat("{", low, ",", high, "}: expected the less first"));
    ++at_;
    repeat(low, high);
  }

  char32_t character() {
    if (at_ >= text_.size()) fail_expected("a character");
    if (text_[at_] != '\\') return text::next_char(text_, at_);
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
      case 'x':
        return hex(begin, 2);
      case 'u':
        return hex(begin, 4);
      case 'U':
        return hex(begin, 8);
      case '"':
      case '[':
      case ']':
      case '\\':
        return static_cast<unsigned char>(c);
      default:
        fail_at(begin, R"(expected one of \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH)");
    }
  }
  char32_t hex(size_t begin, int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const int digit = text::hex_digit(peek());
      if (digit < 0) fail_expected(cat(digits, " hexadecimal digits"));
      value = value << 4 | static_cast<char32_t>(digit);
    }
    if (value > kLastChar || (value >= 0xD800 && value <= 0xDFFF))
      fail_at(begin,
              "expected a character of Unicode, found a surrogate or a number beyond 10FFFF");
    return value;
  }

  Element literal() {
    const size_t begin = at_++;
    Element out;
    while (peek() != '"') {
      if (at_ >= text_.size()) fail_at(begin, "expected '\"' at the end of this text");
      const char32_t c = character();
      out.chars.push_back({{c, c}});
      if (out.chars.size() > Builder::kMostPlaces) fail_at(begin, "expected a shorter text");
    }
    ++at_;
    return out;
  }
  CharRanges char_class() {
    const size_t begin = at_++;
    const bool others = take("^");
    CharRanges out;
    while (peek() != ']') {
      if (at_ >= text_.size()) fail_at(begin, "expected ']' at the end of these characters");
      const size_t first = at_;
      const char32_t low = character();
      char32_t high = low;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        high = character();
      }
      if (high < low) fail_at(first, "expected the less of a range first");
      out.emplace_back(low, high);
    }
    ++at_;
    // Each once: ranges that overlap would be read in two ways.
    out = complement(std::move(out));
    if (!others) out = complement(std::move(out));
    if (out.empty()) fail_at(begin, "expected a character in the brackets, found none");
    return out;
  }

  void check_left_recursion() {
    const std::vector<uint32_t> circle = left_recursion(builder_.grammar());
    if (circle.empty()) return;
    const Rule& first = rules_[circle.front()];
    std::string through;
    std::string_view last = first.name;
    for (const uint32_t rule : circle) {
      const std::string_view name = rules_[rule].name;
      const bool known = name == last || name == first.name;  // a group has its rule's name
      last = name;
      if (known || through.size() > 200) continue;
      through += cat(through.empty() ? ", through '" : "', '", printable_name(name));
    }
    if (!through.empty()) through += "'";
    fail_at(first.seen,
            cat("rule '", printable_name(first.name), "' begins with itself", through,
                " (left recursion): write what comes first before it, or a repetition"));
  }

  std::string_view text_, what_;
  size_t at_ = 0;
  Builder builder_;
  std::map<std::string_view, uint32_t> names_;
  std::vector<Rule> rules_;
  std::vector<Open> open_;
};

}  // namespace

Grammar Grammar::parse(std::string_view text, std::string_view what) {
  return Parser(text, what).run();
}

}  // namespace tern::grammar
