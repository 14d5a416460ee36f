// SPDX-License-Identifier: Apache-2.0
// Reading and writing entries; see word_cache.h.
#include "word_cache.h"

#include <cstring>

namespace tern::text {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint64_t kVersion = uint64_t{1} << 32;  // odd while an entry is written

}  // namespace

WordCache::WordCache() : lines_(new Line[2 * kPlaces]()), seed_(random_seed()) {}

bool WordCache::read(const Line& line, const ShortWord& word, size_t size, Entry& entry) noexcept {
  const uint64_t head = line.words[0].load(std::memory_order_acquire);
  if ((head & 0xFF) != size || (head & kVersion) != 0) return false;
  if (line.words[1].load(kRelaxed) != word.low || line.words[2].load(kRelaxed) != word.high) {
    return false;
  }
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t two = line.words[3 + i].load(kRelaxed);
    std::memcpy(&entry.ids[2 * i], &two, sizeof two);
  }
  const uint64_t sizes = line.words[7].load(kRelaxed);
  std::memcpy(entry.sizes.data(), &sizes, sizeof sizes);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (line.words[0].load(kRelaxed) != head) return false;
  entry.count = static_cast<uint32_t>(head >> 8 & 0xFF);
  return true;
}

bool WordCache::find(size_t place, const ShortWord& word, size_t size,
                     Entry& entry) const noexcept {
  return read(lines_[2 * place], word, size, entry) ||
         read(lines_[2 * place + 1], word, size, entry);
}

void WordCache::put(size_t place, const ShortWord& word, size_t size,
                    std::span<const ModelToken> tokens) noexcept {
  if (tokens.size() > kMostTokens) return;
  std::array<int32_t, kMostTokens> ids = {};
  std::array<uint8_t, kMostTokens> sizes = {};
  for (size_t i = 0; i < tokens.size(); ++i) {
    ids[i] = tokens[i].id;
    sizes[i] = static_cast<uint8_t>(tokens[i].end - tokens[i].begin);
  }
  // The one that was written less often: turn by turn, when nobody else writes.
  const uint64_t both[2] = {lines_[2 * place].words[0].load(kRelaxed) >> 32,
                            lines_[2 * place + 1].words[0].load(kRelaxed) >> 32};
  Line& line = lines_[2 * place + (both[1] < both[0] ? 1 : 0)];
  uint64_t head = line.words[0].load(kRelaxed);
  if ((head & kVersion) != 0) return;
  const uint64_t version = (head >> 32) + 1;
  if (!line.words[0].compare_exchange_strong(head, version << 32, kRelaxed)) return;
  std::atomic_thread_fence(std::memory_order_release);
  uint64_t packed[4], packed_sizes;
  std::memcpy(packed, ids.data(), sizeof packed);
  std::memcpy(&packed_sizes, sizes.data(), sizeof packed_sizes);
  line.words[1].store(word.low, kRelaxed);
  line.words[2].store(word.high, kRelaxed);
  for (size_t i = 0; i < 4; ++i) line.words[3 + i].store(packed[i], kRelaxed);
  line.words[7].store(packed_sizes, kRelaxed);
  line.words[0].store((version + 1) << 32 | tokens.size() << 8 | size, std::memory_order_release);
}

}  // namespace tern::text
