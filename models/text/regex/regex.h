// SPDX-License-Identifier: Apache-2.0
// Regex: a pattern of tokenizer.json with the meaning it has in the reference, which compiles it
// with Oniguruma (its own syntax, UTF-8, Unicode 16). Known patterns run as scanners, the others on
// PCRE2. Immutable, usable by any number of threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace tern::text {

class Scanner;

class Regex {
 public:
  struct Match {
    size_t begin, end;  // bytes
    bool operator==(const Match&) const = default;
  };

  virtual ~Regex() = default;

  /// `what` names the component in errors. corrupt: the pattern is malformed; unsupported: names
  /// the construct and its place.
  static std::unique_ptr<const Regex> compile(std::string_view pattern, std::string_view what);

  /// The same without scanners.
  static std::unique_ptr<const Regex> compile_matcher(std::string_view pattern,
                                                      std::string_view what);

  /// The first match in `text` (valid UTF-8) that begins at byte `from` or later; it may be empty.
  /// Reads the whole text: to iterate, use find_all. deadline when a limit on work is hit.
  virtual bool find(std::string_view text, size_t from, Match& match) const = 0;
  /// All matches as the reference iterates them: after an empty match one character on; no empty
  /// match right behind a match. Replaces the content of `out`.
  virtual void find_all(std::string_view text, std::vector<Match>& out) const = 0;
  /// What runs a known pattern; null for others.
  virtual const Scanner* scanner() const { return nullptr; }
};

}  // namespace tern::text
