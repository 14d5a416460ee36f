// SPDX-License-Identifier: Apache-2.0
// Writing entries; see short_words.h.
#include "short_words.h"

#include "subwords/vocabulary.h"

namespace tern::text {

ShortWords::ShortWords()
    : memory_(kBytes), lines_(static_cast<Line*>(memory_.data())), seed_(random_seed()) {}

void ShortWords::put(size_t place, const CachedWord& word, const WordTokens& tokens) noexcept {
  char ids[3 * kMostTokens + 1] = {};
  const size_t count = tokens.count == kMany ? 0 : tokens.count;
  for (size_t i = 0; i < count; ++i) std::memcpy(ids + 3 * i, &tokens.ids[i], 4);
  uint64_t packed[3], sizes = 0;
  std::memcpy(packed, ids, sizeof packed);
  std::memcpy(&sizes, tokens.sizes.data(), count);
  // The one that was written less often: turn by turn, when nobody else writes.
  const uint64_t both[2] = {lines_[2 * place].words[0].load(kRelaxed) >> 32,
                            lines_[2 * place + 1].words[0].load(kRelaxed) >> 32};
  size_t chosen = both[1] < both[0] ? 1 : 0;
  // Or the one that has the word: with tokens but without sizes.
  WordTokens old;
  bool has_it = false;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    if (read(lines_[2 * place + i], word, old)) chosen = i, has_it = true;
  }
  Line& line = lines_[2 * place + chosen];
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
  line.words[0].store((version + 1) << 32 | uint64_t{tokens.count} << 8 | word.size_and_kind,
                      std::memory_order_release);
  if ((head & 0xFF) != 0 && !has_it) places_.count_taken_over();
}

}  // namespace tern::text
