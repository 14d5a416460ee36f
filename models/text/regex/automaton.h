// SPDX-License-Identifier: Apache-2.0
// Automaton: a scanner for any pattern that is a Program: one step of a table for each character,
// whatever the pattern, and runs of ASCII letters eight bytes at a time. It finds what a
// backtracking matcher finds: the first alternative that matches, not the longest.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "alphabet.h"
#include "program.h"
#include "scanners.h"

namespace tern::text {

class Automaton final : public Scanner {
 public:
  /// Null when it would be too big, or when a search might look far for what is not there: its
  /// time would not be linear.
  static std::unique_ptr<Automaton> make(const Program& program, const Alphabet& alphabet);

  Cut next(std::string_view text, size_t from) const override;

 private:
  explicit Automaton(const Alphabet& alphabet) : alphabet_(alphabet), width_(alphabet.size() + 1) {}
  class Builder;
  uint16_t at(size_t state, size_t letter) const { return table_[state * width_ + letter]; }
  std::vector<bool> sure_states() const;
  bool reads_twice_at_most() const;
  void find_short_cuts();
  size_t skip_idle(std::string_view text, size_t i) const;
  size_t match_end(std::string_view text, size_t from) const;

  static constexpr uint16_t kMatch = 1;

  Alphabet alphabet_;
  size_t width_;  // letters, and the end of the text
  /// [state][letter]: what comes next decides. State behind it << 1, with kMatch where a match ends
  /// before the letter. State 0 is dead, 1 the first one.
  std::vector<uint16_t> table_;
  std::vector<bool> stays_;            // state: at any ASCII letter
  std::array<bool, 256> may_start_{};  // a match, letter
  enum class Idle : uint8_t { nothing, letters, ascii } idle_ = Idle::nothing;  // starts no match
  std::array<uint8_t, 128> ascii_{};                                            // letters
};

}  // namespace tern::text
