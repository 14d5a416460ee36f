// SPDX-License-Identifier: Apache-2.0
// Runs at the end of a line or of the text; see run_at_end.h.
#include "run_at_end.h"

#include "../unicode/utf8.h"

namespace tern::text {

namespace {

class RunAtEnd final : public Scanner {
 public:
  RunAtEnd(const Alphabet& alphabet, const std::vector<uint8_t>& letters) : alphabet_(alphabet) {
    for (const uint8_t letter : letters) members_[letter] = true;
  }

  Cut next(std::string_view text, size_t from) const override;

 private:
  size_t match_end(std::string_view text, size_t from, size_t& run_end) const;

  Alphabet alphabet_;
  bool members_[Alphabet::kMost] = {};  // letters of the set
};

/// The end of the match at `from`, or `from`; a run that has none there has none further on.
size_t RunAtEnd::match_end(std::string_view text, size_t from, size_t& run_end) const {
  size_t i = from, last_break = from;
  while (i < text.size()) {
    size_t after = i;
    if (!members_[alphabet_.letter(next_char(text, after))]) break;
    if (text[i] == '\n') last_break = i;
    i = after;
  }
  run_end = i;
  const bool ends = i == text.size() || text[i] == '\n';
  return i > from && ends ? i : last_break;
}

Scanner::Cut RunAtEnd::next(std::string_view text, size_t from) const {
  size_t i = from, run_end = from;
  while (i < text.size()) {
    const size_t end = match_end(text, i, run_end);
    if (end > i) return i == from ? Cut{end, true} : Cut{i, false};
    i = run_end;
    // Nor are there runs among the others.
    if (i < text.size()) next_char(text, i);
  }
  return {text.size(), false};
}

}  // namespace

std::unique_ptr<const Scanner> make_run_at_end(const Pattern& pattern, const Alphabet& alphabet) {
  const auto& parts = pattern.parts;
  const bool same = parts.size() == 3 && parts[0].text.empty() && parts[0].set >= 0 &&
                    parts[1].text == "+(?=" && parts[1].set >= 0 && parts[2].text == "|\\z)" &&
                    parts[2].set < 0 &&
                    pattern.sets[static_cast<size_t>(parts[1].set)] == CharSet('\n');
  if (!same) return nullptr;
  return std::make_unique<RunAtEnd>(alphabet, alphabet.letters(static_cast<size_t>(parts[0].set)));
}

}  // namespace tern::text
