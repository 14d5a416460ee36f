// SPDX-License-Identifier: Apache-2.0
// PieceTable: word pieces by their bytes. Up to 16 bytes they are keys of a hash table,
// zero-padded, so that a whole word costs one lookup. longest() finds the longest piece that a text
// begins with: a filter by the first three bytes tells which lengths exist, and these are looked
// up, longest first. Made in one pass over the vocabulary: loading is on the way to the first
// result.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "vocabulary.h"

namespace tern::text {

/// A word of up to 16 bytes, zero-padded, as two words of memory.
struct ShortWord {
  uint64_t low = 0, high = 0;
  bool operator==(const ShortWord&) const = default;

  /// The first `size` (<= 16) of the 16 bytes at `bytes`, all of which can be read.
  static ShortWord load(const char* bytes, size_t size) noexcept {
    ShortWord w;
    std::memcpy(&w.low, bytes, 8);
    std::memcpy(&w.high, bytes + 8, 8);
    const uint64_t ones = ~uint64_t{0};
    w.low &= size >= 8 ? ones : ~(ones << (size * 8));
    w.high &= size >= 16 ? ones : size <= 8 ? 0 : ~(ones << ((size - 8) * 8));
    return w;
  }

  /// ASCII capitals become small letters; other bytes stay.
  ShortWord lowered() const noexcept { return {lower8(low), lower8(high)}; }

  static uint64_t lower8(uint64_t x) noexcept {
    const uint64_t ones = 0x0101010101010101, high_bits = ones * 0x80;
    const uint64_t seven = x & ~high_bits;
    const uint64_t from_a = seven + ones * (0x80 - 'A'), past_z = seven + ones * (0x80 - 'Z' - 1);
    return x | ((from_a & ~past_z & ~x & high_bits) >> 2);
  }
};

class PieceTable {
 public:
  /// Longer pieces than this are not taken: see fits().
  static constexpr size_t kMaxPiece = 63;
  static bool fits(std::string_view piece) noexcept { return piece.size() <= kMaxPiece; }

  /// Room for `count` pieces; before the first add.
  void reserve(size_t count);
  /// A piece that fits and is not empty; each only once.
  void add(std::string_view piece, int32_t id);
  /// After the last add.
  void finish() { long_.finish(); }

  /// The id of a piece of up to 16 bytes, or -1.
  int32_t find(const ShortWord& word) const noexcept {
    for (size_t i = slot_of(word);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.word == word) return slot.id;
      if (slot.id < 0) return -1;
    }
  }

  struct Hit {
    int32_t id;  // -1: none
    size_t size;
  };
  /// The longest piece that `text` (valid UTF-8, not empty) begins with.
  Hit longest(std::string_view text) const noexcept;

 private:
  struct Slot {
    ShortWord word;
    int32_t id = -1;
  };

  size_t slot_of(const ShortWord& word) const noexcept {
    uint64_t h = word.low * seed_;
    h ^= (h >> 32) ^ word.high;
    return static_cast<size_t>((h * seed_) >> shift_);
  }
  static size_t bucket_of(const char* bytes) noexcept;
  int32_t find(std::string_view text, const char* padded, size_t size) const noexcept;

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  uint64_t seed_ = 1;
  int shift_ = 63;
  std::vector<uint64_t> lengths_;  // by bucket of the first three bytes: bit n = pieces of n bytes
  Vocabulary long_;                // more than 16 bytes, or with a NUL
  bool odd_ = false;               // a piece with a NUL exists: the padded keys cannot hold it
};

}  // namespace tern::text
