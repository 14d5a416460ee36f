// SPDX-License-Identifier: Apache-2.0
// Pattern: a regular expression of the reference, read and taken apart into sets of characters and
// plain operators. The operators are those that every backtracking matcher has; all that depends on
// Unicode or on the dialect is resolved into sets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "char_set.h"

namespace tern::text {

struct Pattern {
  /// `text` (operators: "(?:", "|", "*+", "(?<=", …), then one character of sets[set] when set >=
  /// 0.
  struct Part {
    std::string text;
    int set = -1;
  };
  std::vector<Part> parts;
  std::vector<CharSet> sets;
  bool anchored_to_search = false;  // has \G
  bool refers_back = false;         // has \1: groups are kept, and characters themselves compared
};

/// Reads Oniguruma's syntax. Error corrupt: malformed there too; unsupported: names the construct
/// and its byte.
Pattern read_pattern(std::string_view source, std::string_view what);

}  // namespace tern::text
