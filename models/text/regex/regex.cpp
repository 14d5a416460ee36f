// SPDX-License-Identifier: Apache-2.0
// A pattern over characters becomes one over the letters of its alphabet; see regex.h.
#include "regex.h"

#include <algorithm>
#include <string>
#include <utility>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "alphabet.h"
#include "automaton.h"
#include "pattern.h"
#include "run_at_end.h"
#include "scanners.h"

namespace tern::text {

namespace {

std::string hex(char32_t c) {
  std::string out;
  for (; c > 0 || out.empty(); c >>= 4) out.insert(out.begin(), "0123456789abcdef"[c & 15]);
  return out;
}

void write_letter(uint8_t letter, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[letter >> 4];
  out += kDigits[letter & 15];
}

/// [\x01-\x05\x07], or \x01 alone. The empty set is what is outside of all bytes.
void write_set(const std::vector<uint8_t>& letters, std::string& out) {
  if (letters.empty()) {
    out += "[^\\x00-\\xff]";
    return;
  }
  if (letters.size() == 1) return write_letter(letters[0], out);
  out += '[';
  for (size_t i = 0; i < letters.size();) {
    size_t last = i;
    while (last + 1 < letters.size() && letters[last + 1] == letters[last] + 1) ++last;
    write_letter(letters[i], out);
    if (last > i) {
      out += '-';
      write_letter(letters[last], out);
    }
    i = last + 1;
  }
  out += ']';
}

/// Bytes of characters, where these are asked for in ascending order.
class Ruler {
 public:
  Ruler(std::string_view text, size_t chars) : text_(text), ascii_(chars == text.size()) {}
  size_t byte_of(size_t character) {
    if (ascii_) return character;
    for (; char_ < character; ++char_) byte_ += utf8_length(text_[byte_]);
    return byte_;
  }

 private:
  std::string_view text_;
  bool ascii_;
  size_t char_ = 0, byte_ = 0;
};

void check_anchors(const Pattern& pattern, const Matcher& matcher, std::string_view what) {
  if (!pattern.anchored_to_search || matcher.anchored()) return;
  fail(ErrorCode::unsupported, cat(what,
                                   ": regular expression: \\G elsewhere than at the "
                                   "beginning of each alternative is not supported"));
}

/// Calls put(match) for each; behind(at) is where the unit after the one at `at` begins.
template <class Behind, class Put>
void find_each(const Matcher& matcher, std::string_view units, Regex::Deadline deadline,
               const Behind& behind, const Put& put) {
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t previous_end = kNone;
  Matcher::Match m;
  for (size_t at = 0; at <= units.size() && matcher.find(units, at, deadline, m);) {
    if (m.end == m.begin && m.end == previous_end) {
      at = behind(at);
      continue;
    }
    at = previous_end = m.end;
    put(m);
  }
}

class MatchedRegex final : public Regex {
 public:
  MatchedRegex(const Pattern& pattern, const Alphabet& alphabet, std::string_view what,
               Execution execution)
      : alphabet_(alphabet) {
    std::string expression;
    for (const Pattern::Part& part : pattern.parts) {
      expression += part.text;
      if (part.set >= 0) write_set(alphabet_.letters(static_cast<size_t>(part.set)), expression);
    }
    matcher_ = Matcher::compile(expression, what, execution);
    check_anchors(pattern, *matcher_, what);
  }

  void find_all(std::string_view text, Deadline deadline, std::vector<Match>& out) const override {
    out.clear();
    std::string letters;
    alphabet_.spell(text, letters);
    Ruler ruler(text, letters.size());
    const auto behind = [](size_t at) { return at + 1; };
    const auto put = [&](const Matcher::Match& m) {
      const size_t begin = ruler.byte_of(m.begin);
      out.push_back({begin, ruler.byte_of(m.end)});
    };
    find_each(*matcher_, letters, deadline, behind, put);
  }

 private:
  Alphabet alphabet_;
  std::unique_ptr<const Matcher> matcher_;
};

/// [\x{41}-\x{5a}], of code points.
void write_characters(const CharSet& set, std::string& out) {
  std::string ranges;
  for (const CharSet::Range& range : set.ranges()) {
    // Surrogates are not in texts, and the library takes no range that ends with one.
    const std::pair<char32_t, char32_t> parts[] = {
        {range.begin, std::min<char32_t>(range.end, 0xD800)},
        {std::max<char32_t>(range.begin, 0xE000), range.end}};
    for (const auto& [begin, end] : parts) {
      if (begin < end) ranges += cat("\\x{", hex(begin), "}-\\x{", hex(end - 1), "}");
    }
  }
  out += ranges.empty() ? "[^\\x{0}-\\x{10ffff}]" : cat("[", ranges, "]");
}

/// Matches the text itself: what refers back compares characters, not letters.
class TextRegex final : public Regex {
 public:
  TextRegex(const Pattern& pattern, std::string_view what, Execution execution) {
    std::string expression;
    for (const Pattern::Part& part : pattern.parts) {
      expression += part.text;
      if (part.set >= 0) write_characters(pattern.sets[static_cast<size_t>(part.set)], expression);
    }
    matcher_ = Matcher::compile(expression, what, execution, Units::characters);
    check_anchors(pattern, *matcher_, what);
  }

  void find_all(std::string_view text, Deadline deadline, std::vector<Match>& out) const override {
    const auto behind = [&](size_t at) {
      return at + (at < text.size() ? utf8_length(text[at]) : 1);
    };
    const auto put = [&](const Matcher::Match& m) { out.push_back({m.begin, m.end}); };
    out.clear();
    find_each(*matcher_, text, deadline, behind, put);
  }

 private:
  std::unique_ptr<const Matcher> matcher_;
};

class ScannedRegex final : public Regex {
 public:
  explicit ScannedRegex(std::unique_ptr<const Scanner> scanner) : scanner_(std::move(scanner)) {}

  void find_all(std::string_view text, Deadline, std::vector<Match>& out) const override {
    out.clear();
    for (size_t at = 0; at < text.size();) {
      const Scanner::Cut cut = scanner_->next(text, at);
      if (cut.match) out.push_back({at, cut.end});
      at = cut.end;
    }
  }
  const Scanner* scanner() const override { return scanner_.get(); }

 private:
  std::unique_ptr<const Scanner> scanner_;
};

void build_alphabet(const Pattern& pattern, std::string_view what, Alphabet& alphabet) {
  if (alphabet.build(pattern.sets)) return;
  fail(ErrorCode::unsupported, cat(what, ": a regular expression that tells more than ",
                                   Alphabet::kMost, " kinds of characters apart is not supported"));
}

}  // namespace

std::unique_ptr<const Regex> Regex::compile(std::string_view source, std::string_view what) {
  if (auto scanner = Scanner::find(source)) {
    return std::make_unique<ScannedRegex>(std::move(scanner));
  }
  const Pattern pattern = read_pattern(source, what);
  if (pattern.refers_back) return std::make_unique<TextRegex>(pattern, what, Execution::native);
  Alphabet alphabet;
  build_alphabet(pattern, what, alphabet);
  std::unique_ptr<const Scanner> scanner = make_run_at_end(pattern, alphabet);
  const auto program = write_program(pattern, alphabet);
  if (program && !scanner) scanner = Automaton::make(*program, alphabet);
  if (scanner) return std::make_unique<ScannedRegex>(std::move(scanner));
  return std::make_unique<MatchedRegex>(pattern, alphabet, what, Execution::native);
}

std::unique_ptr<const Regex> Regex::compile_matcher(std::string_view source, std::string_view what,
                                                    Execution execution) {
  const Pattern pattern = read_pattern(source, what);
  if (pattern.refers_back) return std::make_unique<TextRegex>(pattern, what, execution);
  Alphabet alphabet;
  build_alphabet(pattern, what, alphabet);
  return std::make_unique<MatchedRegex>(pattern, alphabet, what, execution);
}

Regex::Deadline Regex::deadline_for(std::string_view text) {
  return std::chrono::steady_clock::now() + std::chrono::seconds(2) +
         std::chrono::microseconds(text.size());
}

}  // namespace tern::text
