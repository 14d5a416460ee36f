// SPDX-License-Identifier: Apache-2.0
// How the tables of unicode_*.inc are packed (by tools/unicode_tables.py) and searched, and the
// direct tables made of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern::text {

/// `count` characters from `first` on, `stride` apart; each maps to itself + `distance`.
struct MappedRun {
  uint32_t first, count, stride;
  int32_t distance;

  char32_t apply(char32_t c) const noexcept {
    return static_cast<char32_t>(static_cast<int32_t>(c) + distance);
  }
};

/// The run that has `c`, or null; `runs` are in the order of their first characters.
inline const MappedRun* find_run(std::span<const MappedRun> runs, char32_t c) noexcept {
  const auto after = std::upper_bound(runs.begin(), runs.end(), c,
                                      [](char32_t x, const MappedRun& r) { return x < r.first; });
  // Runs of stride 2 interleave, so that the one before may hold it too.
  for (auto r = after; r != runs.begin() && after - r < 2;) {
    --r;
    const uint32_t d = static_cast<uint32_t>(c) - r->first;
    if (d % r->stride == 0 && d / r->stride < r->count) return &*r;
  }
  return nullptr;
}

/// The value at `c` of a table of (character << shift | value) where values change; 0 before the
/// first.
inline uint32_t step_value(std::span<const uint32_t> steps, int shift, char32_t c) noexcept {
  const uint32_t mask = (1u << shift) - 1;
  const uint32_t key = static_cast<uint32_t>(c) << shift | mask;
  const auto after = std::upper_bound(steps.begin(), steps.end(), key);
  return after == steps.begin() ? 0 : *(after - 1) & mask;
}

/// The entry at table[at] of a table of (character << 5 | n), then n characters it maps to.
struct Several {
  char32_t c;
  std::span<const uint32_t> to;
  size_t next;  // where the next entry is
};

inline Several several_at(std::span<const uint32_t> table, size_t at) noexcept {
  const size_t n = table[at] & 31;
  return {table[at] >> 5, table.subspan(at + 1, n), at + 1 + n};
}

/// A byte for every code point, in pages of 256 of which equal ones are kept once.
class PagedBytes {
 public:
  /// `bytes` has 0x110000 of them.
  void assign(std::string_view bytes) {
    std::map<std::string_view, uint16_t> known;
    pages_.clear();
    for (size_t p = 0; p < index_.size(); ++p) {
      const std::string_view page = bytes.substr(p << 8, 256);
      const auto [at, is_new] = known.emplace(page, static_cast<uint16_t>(known.size()));
      index_[p] = at->second;
      if (is_new) pages_.insert(pages_.end(), page.begin(), page.end());
    }
  }
  uint8_t operator[](char32_t c) const noexcept {
    return pages_[size_t{index_[c >> 8]} << 8 | (c & 0xFF)];
  }
  /// The same for a character of Latin-1, whose page is the first one.
  uint8_t at_latin(uint8_t c) const noexcept { return pages_[c]; }

 private:
  std::array<uint16_t, 0x1100> index_{};
  std::vector<uint8_t> pages_;
};

}  // namespace tern::text
