// SPDX-License-Identifier: Apache-2.0
// Regex: a pattern of tokenizer.json with the meaning it has in the reference, which compiles it
// with Oniguruma (its own syntax, UTF-8, Unicode 16). What needs no backtracking runs as a scanner,
// the others on PCRE2. Immutable, usable by any number of threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "matcher.h"

namespace tern::text {

class Scanner;

class Regex {
 public:
  struct Match {
    size_t begin, end;  // bytes
    bool operator==(const Match&) const = default;
  };

  using Deadline = Matcher::Deadline;

  virtual ~Regex() = default;

  /// `what` names the component in errors. corrupt: the pattern is malformed; unsupported: names
  /// the construct and its place.
  static std::unique_ptr<const Regex> compile(std::string_view pattern, std::string_view what);

  /// The same without scanners.
  static std::unique_ptr<const Regex> compile_matcher(std::string_view pattern,
                                                      std::string_view what,
                                                      Execution execution = Execution::native);

  /// When all work on a text, in however many pieces, must be done: in two seconds, and one more
  /// per megabyte.
  static Deadline deadline_for(std::string_view text);

  /// All matches in `text` (valid UTF-8) as the reference iterates them: after an empty match one
  /// character on; no empty match right behind a match. Replaces the content of `out`. Error
  /// deadline when a limit on work is hit.
  virtual void find_all(std::string_view text, Deadline deadline,
                        std::vector<Match>& out) const = 0;
  /// Of a text that stands alone.
  void find_all(std::string_view text, std::vector<Match>& out) const {
    find_all(text, deadline_for(text), out);
  }
  /// What cuts without backtracking; null for patterns that run on PCRE2.
  virtual const Scanner* scanner() const { return nullptr; }
};

}  // namespace tern::text
