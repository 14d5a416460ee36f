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
  WordTokens old;
  const bool taken_over = put_in_pair(
      lines_ + 2 * place, static_cast<uint32_t>(tokens.count << 8 | word.size_and_kind),
      [&](const Line& line) { return read(line, word, old); },
      [&](Line& line) {
        for (size_t i = 0; i < 3; ++i) {
          line.words[i].store(word.bytes[i], kRelaxed);
          line.words[3 + i].store(packed[i], kRelaxed);
        }
        line.words[6].store(sizes, kRelaxed);
      });
  if (taken_over) places_.count_taken_over();
}

}  // namespace tern::text
