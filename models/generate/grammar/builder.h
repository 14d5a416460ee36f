// SPDX-License-Identifier: Apache-2.0
// Builds the graph of a Grammar, element after element.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "grammar.h"

namespace tern::grammar {

/// Code points [first, second], any order, overlapping.
using CharRanges = std::vector<std::pair<char32_t, char32_t>>;

/// What a repetition repeats: characters one after the other, or a rule.
struct Element {
  std::vector<CharRanges> chars = {};
  uint32_t rule = 0;
  bool calls = false;
};

class Builder {
 public:
  static constexpr size_t kMostPlaces = size_t{1} << 20, kMostEdges = size_t{1} << 22;

  /// A place that does not lead anywhere yet. All calls: invalid_argument beyond these limits.
  uint32_t place();
  /// From `from`, where nothing is yet, through the element; where it leads to.
  uint32_t read(uint32_t from, const Element& element);
  /// The same low to high times; high < 0 is without end.
  uint32_t repeat(uint32_t from, const Element& element, int64_t low, int64_t high);
  /// `from` stands for `to` too.
  void split(uint32_t from, uint32_t to);
  void end(uint32_t place) { grammar_.places[place].kind = Place::Kind::end; }

  Grammar& grammar() noexcept { return grammar_; }

 private:
  void edge(uint32_t from, uint32_t to, uint8_t low, uint8_t high);
  void character(uint32_t from, const CharRanges& ranges, uint32_t to);
  struct Bytes {
    uint8_t low[4], high[4];
    int count;
  };
  void sequence(uint32_t from, Bytes bytes, uint32_t to);
  uint32_t continued(int count, uint32_t to);

  Grammar grammar_;
  uint32_t continued_[4] = {};  // of the character at hand: places before 1 to 3 more bytes, or 0
};

}  // namespace tern::grammar
