// SPDX-License-Identifier: Apache-2.0
// PairTable: which pairs of tokens merge in BPE, and when (their rank). One word per pair: left,
// right, rank. Most questions are about pairs that do not merge: a bitmap of eight bits per slot
// answers those from a smaller piece of memory.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../engine/base/huge_pages.h"
#include "vocabulary.h"

namespace tern::text {

class PairTable {
 public:
  static constexpr uint32_t kNever = 0xFFFFFFFF;

  /// For tokens below `tokens` and ranks up to `count`. unsupported: more than a word can tell.
  void reserve(size_t tokens, size_t count) {
    const int bits = static_cast<int>(std::bit_width(count * 3 / 2 + 4));
    token_bits_ = static_cast<int>(std::bit_width(tokens | 1));
    rank_bits_ = 64 - 2 * token_bits_;
    if (rank_bits_ < 2 || count >= (uint64_t{1} << rank_bits_) - 1 || count >= kNever) {
      fail(ErrorCode::unsupported, cat("BPE: ", tokens, " tokens and ", count, " merges"));
    }
    slots_.assign(size_t{1} << bits, kEmpty);
    filter_.assign(size_t{1} << (bits - 3), 0);
    shift_ = 64 - bits;
    seed_ = random_seed();
  }

  /// At most as many as reserved. A pair that is set again has the last rank; returns the one it
  /// had, or kNever.
  uint32_t set(uint32_t left, uint32_t right, uint32_t rank) {
    const uint64_t key = key_of(left, right), h = key * seed_, bit = h >> (shift_ - 3);
    const size_t i = slot_of(key, h);
    const uint32_t before = rank_in(slots_[i]);
    slots_[i] = key << rank_bits_ | rank;
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    return before;
  }
  void prefetch(uint32_t left, uint32_t right) const noexcept {
    __builtin_prefetch(&slots_[key_of(left, right) * seed_ >> shift_]);
  }

  void prefetch_filter(uint32_t left, uint32_t right) const noexcept {
    __builtin_prefetch(&filter_[(key_of(left, right) * seed_ >> (shift_ - 3)) / 64]);
  }

  /// kNever when the pair does not merge.
  uint32_t rank(uint32_t left, uint32_t right) const noexcept {
    // Universal hashing: a random odd multiplier, the highest bits.
    const uint64_t key = key_of(left, right), h = key * seed_, bit = h >> (shift_ - 3);
    if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) return kNever;
    return rank_in(slots_[slot_of(key, h)]);
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  uint64_t key_of(uint32_t left, uint32_t right) const noexcept {
    return uint64_t{left} << token_bits_ | right;
  }
  uint32_t rank_in(uint64_t slot) const noexcept {
    if (slot == kEmpty) return kNever;
    return static_cast<uint32_t>(slot & ((uint64_t{1} << rank_bits_) - 1));
  }
  size_t slot_of(uint64_t key, uint64_t h) const noexcept {
    size_t i = h >> shift_;
    while (slots_[i] != kEmpty && slots_[i] >> rank_bits_ != key) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  std::vector<uint64_t, HugePages<uint64_t>> slots_ =
      std::vector<uint64_t, HugePages<uint64_t>>(8, kEmpty);
  std::vector<uint64_t> filter_ = std::vector<uint64_t>(1, 0);
  int shift_ = 61, token_bits_ = 27, rank_bits_ = 10;
  uint64_t seed_ = 1;
};

}  // namespace tern::text
