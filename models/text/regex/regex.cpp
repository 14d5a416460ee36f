// SPDX-License-Identifier: Apache-2.0
// A pattern over characters becomes one over the letters of its alphabet; see regex.h.
#include "regex.h"

#include <string>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "alphabet.h"
#include "pattern.h"
#include "scanners.h"

namespace tern::text {

namespace {

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

class MatchedRegex final : public Regex {
 public:
  MatchedRegex(std::string_view source, std::string_view what, Execution execution) {
    const Pattern pattern = read_pattern(source, what);
    if (!alphabet_.build(pattern.sets)) {
      fail(ErrorCode::unsupported,
           cat(what, ": a regular expression that tells more than ", Alphabet::kMost,
               " kinds of characters apart is not supported"));
    }
    std::string expression;
    for (const Pattern::Part& part : pattern.parts) {
      expression += part.text;
      if (part.set >= 0) write_set(alphabet_.letters(static_cast<size_t>(part.set)), expression);
    }
    matcher_ = Matcher::compile(expression, what, execution);
    if (pattern.anchored_to_search && !matcher_->anchored()) {
      fail(ErrorCode::unsupported, cat(what, ": regular expression: \\G elsewhere than at the "
                                             "beginning of each alternative is not supported"));
    }
  }

  void find_all(std::string_view text, Deadline deadline, std::vector<Match>& out) const override {
    out.clear();
    std::string letters;
    alphabet_.spell(text, letters);
    Ruler ruler(text, letters.size());
    constexpr size_t kNone = static_cast<size_t>(-1);
    size_t previous_end = kNone;
    Matcher::Match m;
    for (size_t at = 0; at <= letters.size() && matcher_->find(letters, at, deadline, m);) {
      if (m.end == m.begin && m.end == previous_end) {
        ++at;
        continue;
      }
      at = previous_end = m.end;
      const size_t begin = ruler.byte_of(m.begin);
      out.push_back({begin, ruler.byte_of(m.end)});
    }
  }

 private:
  Alphabet alphabet_;
  std::unique_ptr<const Matcher> matcher_;
};

class ScannedRegex final : public Regex {
 public:
  explicit ScannedRegex(const Scanner& scanner) : scanner_(scanner) {}

  void find_all(std::string_view text, Deadline, std::vector<Match>& out) const override {
    out.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t end = scanner_.next(text, at);
      out.push_back({at, end});
      at = end;
    }
  }
  const Scanner* scanner() const override { return &scanner_; }

 private:
  Scanner scanner_;
};

}  // namespace

std::unique_ptr<const Regex> Regex::compile(std::string_view pattern, std::string_view what) {
  Scanner scanner;
  if (Scanner::find(pattern, scanner)) return std::make_unique<ScannedRegex>(scanner);
  return compile_matcher(pattern, what);
}

std::unique_ptr<const Regex> Regex::compile_matcher(std::string_view pattern, std::string_view what,
                                                    Execution execution) {
  return std::make_unique<MatchedRegex>(pattern, what, execution);
}

Regex::Deadline Regex::deadline_for(std::string_view text) {
  return std::chrono::steady_clock::now() + std::chrono::seconds(2) +
         std::chrono::microseconds(text.size());
}

}  // namespace tern::text
