// SPDX-License-Identifier: Apache-2.0
// CharSet: a set of code points as sorted disjoint ranges; what a character class of a pattern
// means.
#pragma once

#include <compare>
#include <cstddef>
#include <vector>

namespace tern::text {

class CharSet {
 public:
  struct Range {
    char32_t begin, end;  // end is not in it
    auto operator<=>(const Range&) const = default;
  };
  static constexpr char32_t kEnd = 0x110000;

  CharSet() = default;
  explicit CharSet(char32_t c) : ranges_{{c, c + 1}} {}
  CharSet(char32_t first, char32_t last) : ranges_{{first, last + 1}} {}
  static CharSet all() { return CharSet(0, kEnd - 1); }

  void add(char32_t first, char32_t last);
  void add(const CharSet& other);
  void invert();
  void intersect(const CharSet& other);

  bool contains(char32_t c) const;
  /// Sorted, disjoint, with gaps between them.
  const std::vector<Range>& ranges() const;
  bool operator==(const CharSet& other) const { return ranges() == other.ranges(); }

 private:
  mutable std::vector<Range> ranges_;
  mutable bool tidy_ = true;
};

}  // namespace tern::text
