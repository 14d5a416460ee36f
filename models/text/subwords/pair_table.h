// SPDX-License-Identifier: Apache-2.0
// PairTable: what two neighbouring tokens of BPE merge into, and when (its rank). Most questions
// are about pairs that do not merge: a bitmap of eight bits per pair answers those from a smaller
// piece of memory.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "vocabulary.h"

namespace tern::text {

class PairTable {
 public:
  static constexpr uint32_t kNever = 0xFFFFFFFF;
  struct Merge {
    uint32_t left, right;  // indices of tokens
    uint32_t rank;         // kNever: no such pair
    uint32_t result;
  };

  void reserve(size_t count) {
    const int bits = static_cast<int>(std::bit_width(count * 3 / 2 + 4));
    slots_.assign(size_t{1} << bits, Merge{0, 0, kNever, 0});
    filter_.assign(size_t{1} << (bits - 3), 0);
    shift_ = 64 - bits;
    seed_ = random_seed();
  }

  /// At most as many as reserved. A pair that is set again has the last rank.
  void set(const Merge& merge) {
    const uint64_t h = hash(merge.left, merge.right);
    size_t i = h >> shift_;
    while (slots_[i].rank != kNever && !same(slots_[i], merge.left, merge.right)) {
      i = (i + 1) & (slots_.size() - 1);
    }
    slots_[i] = merge;
    const uint64_t bit = h >> (shift_ - 3);
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
  void prefetch(uint32_t left, uint32_t right) const noexcept {
    __builtin_prefetch(&slots_[hash(left, right) >> shift_]);
  }

  const Merge& find(uint32_t left, uint32_t right) const noexcept {
    return find(left, right, hash(left, right));
  }
  /// kNever when the pair does not merge.
  uint32_t rank(uint32_t left, uint32_t right) const noexcept {
    const uint64_t h = hash(left, right), bit = h >> (shift_ - 3);
    if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) return kNever;
    return find(left, right, h).rank;
  }

 private:
  static bool same(const Merge& m, uint32_t left, uint32_t right) noexcept {
    return m.left == left && m.right == right;
  }
  // Universal: a random odd multiplier, its highest bits.
  uint64_t hash(uint32_t left, uint32_t right) const noexcept {
    return (uint64_t{left} << 32 | right) * seed_;
  }
  const Merge& find(uint32_t left, uint32_t right, uint64_t h) const noexcept {
    size_t i = h >> shift_;
    while (slots_[i].rank != kNever && !same(slots_[i], left, right)) {
      i = (i + 1) & (slots_.size() - 1);
    }
    return slots_[i];
  }

  std::vector<Merge> slots_ = std::vector<Merge>(8, Merge{0, 0, kNever, 0});
  std::vector<uint64_t> filter_ = std::vector<uint64_t>(1, 0);
  int shift_ = 61;
  uint64_t seed_ = 1;
};

}  // namespace tern::text
