// SPDX-License-Identifier: Apache-2.0
// WordTable: exact lookup of short words: a hash table whose keys are up to 16 bytes, zero-padded.
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

class WordTable {
 public:
  /// The words of `vocabulary` that fit and hold no NUL.
  explicit WordTable(const Vocabulary& vocabulary);

  /// The id of a word, or -1.
  int32_t find(const ShortWord& word) const noexcept {
    for (size_t i = slot_of(word);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.word == word) return slot.id;
      if (slot.id < 0) return -1;
    }
  }

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

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  uint64_t seed_ = 1;
  int shift_ = 63;
};

}  // namespace tern::text
