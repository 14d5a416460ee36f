// SPDX-License-Identifier: Apache-2.0
// WordCache: the tokens of the words of a tokenizer's texts, shared by all threads without locks.
// ShortWords has most of them; LongWords those of up to 120 bytes and 60 tokens. Both begin small
// and have four times as many places when many words took over others' room, until they have
// kBytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "long_words.h"
#include "short_words.h"

namespace tern::text {

class WordCache {
 public:
  static constexpr size_t kBytes = ShortWords::kBytes + LongWords::kBytes;

  /// A word, and where it would lie in the cache.
  struct Word {
    std::string_view text;
    unsigned kind;   // see CachedWord
    uint64_t place;  // of a short one; a long one's hash
    CachedWord key;  // of a short one
    bool is_short() const noexcept { return text.size() <= CachedWord::kMost; }
    /// What one byte becomes, users know without a cache.
    bool may_be_cached() const noexcept { return text.size() - 2 <= LongWords::kMost - 2; }
    /// Known of short words only.
    bool is_ascii() const noexcept { return text.size() > 1 && is_short() && key.is_ascii(); }
  };

  /// word.text = text[begin, end), begin < end, and the rest from it and word.kind.
  void locate(std::string_view text, size_t begin, size_t end, Word& word) const noexcept {
    word.text = {text.data() + begin, end - begin};
    if (word.text.size() == 1) return;
    if (word.is_short()) {
      word.key = CachedWord::load(text, begin, end - begin, word.kind);
      word.place = short_.place(word.key);
      short_.fetch(word.place);
    } else if (word.may_be_cached()) {
      word.place = long_.hash(word.text, word.kind);
    }
  }
  /// False when it is not there. word.may_be_cached().
  bool find(const Word& word, WordTokens& tokens) const noexcept {
    if (!word.is_short()) return long_.find(word.place, word.text, word.kind, tokens);
    if (!short_.find(word.place, word.key, tokens)) return false;
    return tokens.count != ShortWords::kMany || find_many(word, tokens);
  }
  /// word.may_be_cached().
  void put(const Word& word, const WordTokens& tokens) noexcept;

  /// Memory that the places of now take: less than kBytes as long as words are few.
  size_t bytes() const noexcept { return short_.bytes() + long_.bytes(); }

 private:
  bool find_many(const Word& word, WordTokens& tokens) const noexcept {
    return long_.find(long_.hash(word.text, word.kind), word.text, word.kind, tokens);
  }

  ShortWords short_;
  LongWords long_;
};

/// The words of a text that `next` cuts one behind the other (next(at): where the word that begins
/// at `at` ends); many are looked at before the first is used, so that their places in the cache
/// are on the way. use(word) returns whether to go on.
template <class Next, class Use>
void for_each_word(const WordCache& cache, std::string_view text, size_t begin, unsigned kind,
                   const Next& next, const Use& use) {
  constexpr size_t kAhead = 16;
  std::array<WordCache::Word, kAhead> words;
  for (size_t at = begin; at < text.size();) {
    size_t count = 0;
    for (; count < kAhead && at < text.size(); ++count) {
      const size_t from = at;
      at = next(at);
      words[count].kind = kind;
      cache.locate(text, from, at, words[count]);
    }
    for (size_t i = 0; i < count; ++i) {
      if (!use(words[i])) return;
    }
  }
}

}  // namespace tern::text
