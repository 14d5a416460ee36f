// SPDX-License-Identifier: Apache-2.0
// Lookup of character properties. BMP properties are direct tables; the rest is a binary search.
#include "unicode.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "tables.h"

namespace tern::text {

namespace {

constexpr uint32_t kClassStarts[] = {
#include "unicode_classes.inc"
};
constexpr uint32_t kCombiningStarts[] = {
#include "unicode_combining.inc"
};
constexpr uint64_t kCanonical[] = {
#include "unicode_canonical.inc"
#include "unicode_canonical_high.inc"
};
constexpr MappedRun kLower[] = {
#include "unicode_lower.inc"
};
constexpr MappedRun kCompatSingle[] = {
#include "unicode_compat_single.inc"
};
constexpr uint32_t kCompatSeveral[] = {
#include "unicode_compat_several.inc"
};

constexpr size_t kBmp = 0x10000;

uint64_t find_canonical(char32_t c) noexcept {
  const uint64_t key = static_cast<uint64_t>(c) << 43;
  const auto* at = std::lower_bound(std::begin(kCanonical), std::end(kCanonical), key);
  return at != std::end(kCanonical) && *at >> 43 == c ? *at : 0;
}

/// Direct tables of the BMP.
struct BmpTables {
  std::array<uint16_t, kBmp> classes{};
  std::array<uint16_t, kBmp> lower{};

  BmpTables() {
    for (size_t i = 0; i < std::size(kClassStarts); ++i) {
      const size_t begin = kClassStarts[i] >> 11;
      const size_t end = i + 1 < std::size(kClassStarts) ? kClassStarts[i + 1] >> 11 : kBmp;
      for (size_t c = begin; c < std::min(end, kBmp); ++c) classes[c] = kClassStarts[i] & 0x7FF;
    }
    for (size_t c = 0; c < kBmp; ++c) lower[c] = static_cast<uint16_t>(c);
    for (const MappedRun& r : kLower) {
      for (uint32_t k = 0, c = r.first; k < r.count && c < kBmp; ++k, c += r.stride) {
        lower[c] = static_cast<uint16_t>(r.apply(c));
      }
    }
    lower[0x130] = 'i';
  }
};

const BmpTables& bmp() {
  static const std::unique_ptr<const BmpTables> tables = std::make_unique<BmpTables>();
  return *tables;
}

/// Compatibility mappings to several characters: where each stands in kCompatSeveral, by character.
const std::vector<uint32_t>& several_index() {
  static const std::vector<uint32_t> index = [] {
    std::vector<uint32_t> at;
    for (size_t i = 0; i < std::size(kCompatSeveral); i = several_at(kCompatSeveral, i).next) {
      at.push_back(static_cast<uint32_t>(i));
    }
    return at;
  }();
  return index;
}

std::span<const uint32_t> find_several(char32_t c) {
  const auto& index = several_index();
  const auto at = std::lower_bound(index.begin(), index.end(), c, [](uint32_t i, char32_t x) {
    return several_at(kCompatSeveral, i).c < x;
  });
  if (at == index.end()) return {};
  const Several found = several_at(kCompatSeveral, *at);
  return found.c == c ? found.to : std::span<const uint32_t>();
}

// Hangul syllables (Unicode 3.12): arithmetic instead of tables.
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

bool is_hangul(char32_t c) noexcept {
  return c >= kSBase && c < kSBase + kSCount;
}

void decompose_into(char32_t c, bool compat, int depth, Decomposition& out) {
  const auto push = [&](char32_t x) {
    if (out.size < out.chars.size()) out.chars[out.size++] = x;
  };
  if (is_hangul(c)) {
    const char32_t s = c - kSBase;
    push(kLBase + s / (kVCount * kTCount));
    push(kVBase + s % (kVCount * kTCount) / kTCount);
    if (s % kTCount != 0) push(kTBase + s % kTCount);
    return;
  }
  if (const uint64_t pair = c >= 0xC0 && depth < 8 ? find_canonical(c) : 0) {
    decompose_into(static_cast<char32_t>(pair >> 22 & 0x1FFFFF), compat, depth + 1, out);
    const auto second = static_cast<char32_t>(pair >> 1 & 0x1FFFFF);
    if (second != 0) decompose_into(second, compat, depth + 1, out);
    return;
  }
  if (compat && c >= 0xA0) {
    if (const MappedRun* run = find_run(kCompatSingle, c)) return push(run->apply(c));
    const auto several = find_several(c);
    for (const uint32_t x : several) push(x);
    if (!several.empty()) return;
  }
  push(c);
}

/// Pairs that compose, sorted by (first, second).
struct Composite {
  uint64_t pair;
  char32_t c;
};

const std::vector<Composite>& composites() {
  static const std::vector<Composite> table = [] {
    std::vector<Composite> pairs;
    for (const uint64_t x : kCanonical) {
      if (x & 1) pairs.push_back({x >> 1 & 0x3FFFFFFFFFF, static_cast<char32_t>(x >> 43)});
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const Composite& a, const Composite& b) { return a.pair < b.pair; });
    return pairs;
  }();
  return table;
}

}  // namespace

uint16_t char_class(char32_t c) noexcept {
  if (c < kBmp) return bmp().classes[c];
  return static_cast<uint16_t>(step_value(kClassStarts, 11, c));
}

char32_t to_lower(char32_t c) noexcept {
  if (c < kBmp) return bmp().lower[c];
  const MappedRun* run = find_run(kLower, c);
  return run ? run->apply(c) : c;
}

uint8_t combining_class(char32_t c) noexcept {
  if (c < 0x300) return 0;
  return static_cast<uint8_t>(step_value(kCombiningStarts, 8, c));
}

bool decomposes(char32_t c) noexcept {
  return c >= 0xC0 && (is_hangul(c) || find_canonical(c));
}

Decomposition decompose(char32_t c, bool compat) {
  Decomposition out;
  out.size = 0;
  decompose_into(c, compat, 0, out);
  return out;
}

char32_t compose(char32_t first, char32_t second) noexcept {
  if (first >= kLBase && first < kLBase + kLCount && second >= kVBase &&
      second < kVBase + kVCount) {
    return kSBase + ((first - kLBase) * kVCount + (second - kVBase)) * kTCount;
  }
  if (is_hangul(first) && (first - kSBase) % kTCount == 0 && second > kTBase &&
      second < kTBase + kTCount) {
    return first + (second - kTBase);
  }
  const uint64_t key = static_cast<uint64_t>(first) << 21 | second;
  const auto& table = composites();
  const auto at = std::lower_bound(table.begin(), table.end(), key,
                                   [](const Composite& a, uint64_t k) { return a.pair < k; });
  return at != table.end() && at->pair == key ? at->c : 0;
}

}  // namespace tern::text
