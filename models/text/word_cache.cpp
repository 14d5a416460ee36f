// SPDX-License-Identifier: Apache-2.0
// Which of the two tables keeps a word; see word_cache.h.
#include "word_cache.h"

namespace tern::text {

void WordCache::put(const Word& word, const WordTokens& tokens) noexcept {
  const bool few = tokens.count <= ShortWords::kMostTokens;
  if (word.is_short() && few) return short_.put(word.place, word.key, tokens);
  if (!word.is_short()) return long_.put(word.place, word.text, word.kind, tokens);
  long_.put(long_.hash(word.text, word.kind), word.text, word.kind, tokens);
  WordTokens many;
  many.count = ShortWords::kMany;
  short_.put(word.place, word.key, many);
}

}  // namespace tern::text
