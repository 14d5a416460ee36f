// SPDX-License-Identifier: Apache-2.0
// Reading and writing entries; see word_cache.h.
#include "word_cache.h"

#include "subwords/vocabulary.h"

namespace tern::text {

WordCache::WordCache() : lines_(2 * kPlaces), seed_(random_seed()) {}

void WordCache::put(size_t place, const CachedWord& word, const Entry& entry) noexcept {
  char ids[3 * kMostTokens + 1] = {};
  for (size_t i = 0; i < entry.count; ++i) std::memcpy(ids + 3 * i, &entry.ids[i], 4);
  uint64_t packed[3], sizes;
  std::memcpy(packed, ids, sizeof packed);
  std::memcpy(&sizes, entry.sizes.data(), sizeof sizes);
  // The one that was written less often: turn by turn, when nobody else writes.
  const uint64_t both[2] = {lines_[2 * place].words[0].load(kRelaxed) >> 32,
                            lines_[2 * place + 1].words[0].load(kRelaxed) >> 32};
  Line& line = lines_[2 * place + (both[1] < both[0] ? 1 : 0)];
  uint64_t head = line.words[0].load(kRelaxed);
  if ((head & kVersion) != 0) return;
  const uint64_t version = (head >> 32) + 1;
  if (!line.words[0].compare_exchange_strong(head, version << 32, std::memory_order_acquire,
                                             kRelaxed))
    return;
  std::atomic_thread_fence(std::memory_order_release);
  for (size_t i = 0; i < 3; ++i) {
    line.words[1 + i].store(word.bytes[i], kRelaxed);
    line.words[4 + i].store(packed[i], kRelaxed);
  }
  line.words[7].store(sizes, kRelaxed);
  line.words[0].store((version + 1) << 32 | uint64_t{entry.count} << 8 | word.size_and_kind,
                      std::memory_order_release);
}

}  // namespace tern::text
