// SPDX-License-Identifier: Apache-2.0
// A place of a cache of words: two entries, of which a new word takes over the older. An entry is
// read and written without locks under a version (a seqlock): its `head` is version << 32 | what
// the cache says of the word, the lowest byte not 0; odd versions are of entries that are being
// written.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tern::text {

constexpr uint64_t kBeingWritten = uint64_t{1} << 32;

/// Writes a word to one of the entries pair[0], pair[1]: the one for which has(entry), else the one
/// that was written less often (turn by turn, when nobody else writes). write(entry) fills it, with
/// relaxed stores. Does nothing when another thread writes there. Whether another word had to go.
template <class Entry, class Has, class Write>
bool put_in_pair(Entry* pair, uint32_t head, const Has& has, const Write& write) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  size_t chosen = pair[1].head.load(relaxed) >> 32 < pair[0].head.load(relaxed) >> 32 ? 1 : 0;
  bool has_it = false;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    if (has(pair[i])) chosen = i, has_it = true;
  }
  Entry& entry = pair[chosen];
  uint64_t old = entry.head.load(relaxed);
  if ((old & kBeingWritten) != 0) return false;
  const uint64_t version = (old >> 32) + 1;
  if (!entry.head.compare_exchange_strong(old, version << 32, std::memory_order_acquire, relaxed))
    return false;
  std::atomic_thread_fence(std::memory_order_release);
  write(entry);
  entry.head.store((version + 1) << 32 | head, std::memory_order_release);
  return (old & 0xFF) != 0 && !has_it;
}

}  // namespace tern::text
