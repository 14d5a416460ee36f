// SPDX-License-Identifier: Apache-2.0
// WordCache: the tokens of words of up to 24 bytes, shared by all threads without locks. A place
// has room for two words, of which a new one takes over the older: the cache never grows beyond
// kBytes. An entry is one cache line under a version (a seqlock); a reader that meets a writer
// finds nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "../../engine/base/huge_pages.h"

namespace tern::text {

/// A word of up to 24 bytes, zero-padded, and its size. `kind` (0 to 7) tells words apart that are
/// spelt alike and have other tokens.
struct CachedWord {
  static constexpr size_t kMost = 24;
  uint64_t bytes[3];
  uint64_t size_and_kind;

  /// text[begin, begin + size), size <= kMost.
  static CachedWord load(std::string_view text, size_t begin, size_t size, unsigned kind) noexcept {
    char padded[kMost] = {};
    const char* from = text.data() + begin;
    if (begin + kMost > text.size()) from = static_cast<char*>(std::memcpy(padded, from, size));
    // Word by word: a copy of what has just been written in parts would wait for all of them.
    const uint64_t ones = ~uint64_t{0};
    const uint64_t low = size >= 8 ? ones : ~(ones << size * 8);
    const uint64_t middle = size >= 16 ? ones : size <= 8 ? 0 : ~(ones << (size - 8) * 8);
    const uint64_t high = size >= 24 ? ones : size <= 16 ? 0 : ~(ones << (size - 16) * 8);
    return {{load8(from) & low, load8(from + 8) & middle, load8(from + 16) & high},
            size | kind << 5};
  }
  /// Its characters are its bytes.
  bool is_ascii() const noexcept {
    return ((bytes[0] | bytes[1] | bytes[2]) & 0x8080808080808080) == 0;
  }

 private:
  static uint64_t load8(const char* from) noexcept {
    uint64_t out;
    std::memcpy(&out, from, sizeof out);
    return out;
  }
};

class WordCache {
 public:
  static constexpr int kPlaceBits = 16;
  static constexpr size_t kPlaces = size_t{1} << kPlaceBits, kBytes = kPlaces * 2 * 64;
  static constexpr size_t kMostTokens = 8;
  static constexpr int32_t kMostId = (1 << 24) - 1;

  /// A word's tokens: ids, and how many bytes each has. More of them than kMostTokens, or an id
  /// beyond kMostId, are not kept.
  struct Entry {
    std::array<int32_t, kMostTokens> ids;
    std::array<uint8_t, kMostTokens> sizes;
    uint32_t count;
  };

  WordCache();

  /// What one byte becomes, users know without a cache.
  static bool may_have(size_t size) noexcept { return size > 1 && size <= CachedWord::kMost; }

  /// The place of a word.
  size_t place(const CachedWord& word) const noexcept {
    const uint64_t mixed = (word.bytes[0] ^ seed_) * 0x9E3779B97F4A7C15u ^
                           (word.bytes[1] + word.size_and_kind) * 0xC2B2AE3D27D4EB4Fu ^
                           word.bytes[2] * 0x165667B19E3779F9u;
    return static_cast<size_t>((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u >> (64 - kPlaceBits));
  }

  /// Begins to read a place, which is seldom in the first cache, while other words are looked at.
  void fetch(size_t place) const noexcept {
    __builtin_prefetch(&lines_[2 * place]);
    __builtin_prefetch(&lines_[2 * place + 1]);
  }

  /// False when the word is not there.
  bool find(size_t place, const CachedWord& word, Entry& entry) const noexcept;
  /// Does nothing when another thread writes there.
  void put(size_t place, const CachedWord& word, const Entry& entry) noexcept;

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static constexpr uint64_t kVersion = uint64_t{1} << 32;  // odd while an entry is written

  /// [0] version << 32 | count << 8 | size and kind; [1] … [3] the word; [4] … [6] ids of 24 bits;
  /// [7] sizes.
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, 8> words;
  };

  static bool read(const Line& line, const CachedWord& word, Entry& entry) noexcept;

  std::vector<Line, HugePages<Line>> lines_;
  uint64_t seed_;
};

inline bool WordCache::read(const Line& line, const CachedWord& word, Entry& entry) noexcept {
  const uint64_t head = line.words[0].load(std::memory_order_acquire);
  if ((head & 0xFF) != word.size_and_kind || (head & kVersion) != 0) return false;
  if (line.words[1].load(kRelaxed) != word.bytes[0] ||
      line.words[2].load(kRelaxed) != word.bytes[1] ||
      line.words[3].load(kRelaxed) != word.bytes[2]) {
    return false;
  }
  char ids[3 * kMostTokens + 1] = {};
  for (size_t i = 0; i < 3; ++i) {
    const uint64_t part = line.words[4 + i].load(kRelaxed);
    std::memcpy(ids + 8 * i, &part, sizeof part);
  }
  const uint64_t sizes = line.words[7].load(kRelaxed);
  std::memcpy(entry.sizes.data(), &sizes, sizeof sizes);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (line.words[0].load(kRelaxed) != head) return false;
  entry.count = static_cast<uint32_t>(head >> 8 & 0xFF);
  for (size_t i = 0; i < entry.count; ++i) {
    uint32_t id;
    std::memcpy(&id, ids + 3 * i, sizeof id);
    entry.ids[i] = static_cast<int32_t>(id & kMostId);
  }
  return true;
}

inline bool WordCache::find(size_t place, const CachedWord& word, Entry& entry) const noexcept {
  return read(lines_[2 * place], word, entry) || read(lines_[2 * place + 1], word, entry);
}

/// The words of a text that `next` cuts one behind the other (next(at): where the word that begins
/// at `at` ends), each with its place in the cache; many are looked at before the first is used, so
/// that their places are on the way. use(word, key, place) returns whether to go on; there is no
/// key of a word that the cache never has, of one byte or more than CachedWord::kMost.
template <class Next, class Use>
void for_each_word(const WordCache& cache, std::string_view text, size_t begin, unsigned kind,
                   const Next& next, const Use& use) {
  constexpr size_t kAhead = 16;
  struct Word {
    size_t begin, size, place;
    CachedWord key;
  };
  std::array<Word, kAhead> words;
  for (size_t at = begin; at < text.size();) {
    size_t count = 0;
    for (; count < kAhead && at < text.size(); ++count) {
      Word& word = words[count];
      word.begin = at;
      at = next(at);
      word.size = at - word.begin;
      if (!WordCache::may_have(word.size)) continue;
      word.key = CachedWord::load(text, word.begin, word.size, kind);
      word.place = cache.place(word.key);
      cache.fetch(word.place);
    }
    for (size_t i = 0; i < count; ++i) {
      const Word& word = words[i];
      if (!use(text.substr(word.begin, word.size), word.key, word.place)) return;
    }
  }
}

}  // namespace tern::text
