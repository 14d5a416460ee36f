// SPDX-License-Identifier: Apache-2.0
// PlaceCount: how many places a cache of words has: a power of two that grows with the words it
// meets, without locks. What lay at the old places is found no longer and comes anew.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tern::text {

template <int kLeastBits, int kStepBits, int kMostBits>
class PlaceCount {
 public:
  size_t place(uint64_t hash) const noexcept { return hash >> shift_.load(kRelaxed); }
  size_t now() const noexcept { return size_t{1} << (64 - shift_.load(kRelaxed)); }

  /// A word took the room of another; there are two words to a place.
  void count_taken_over() noexcept {
    int shift = shift_.load(kRelaxed);
    const size_t enough = size_t{1} << (62 - shift);  // an eighth of the words there is room for
    if (shift == 64 - kMostBits || taken_over_.fetch_add(1, kRelaxed) < enough) return;
    if (shift_.compare_exchange_strong(shift, shift - kStepBits, kRelaxed)) taken_over_ = 0;
  }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  std::atomic<int> shift_ = 64 - kLeastBits;
  std::atomic<size_t> taken_over_ = 0;  // with these places
};

}  // namespace tern::text
