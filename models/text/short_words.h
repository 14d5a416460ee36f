// SPDX-License-Identifier: Apache-2.0
// ShortWords: the tokens of words of up to 24 bytes, shared by all threads without locks. A place
// has room for two words (entry_pair.h). An entry is one cache line and says itself which word it
// is of, so that it may lie anywhere; a reader that meets a writer finds nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "../../engine/base/huge_pages.h"
#include "entry_pair.h"
#include "place_count.h"
#include "word_tokens.h"

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

class ShortWords {
 public:
  static constexpr size_t kMostTokens = 8;
  static constexpr int kMostBits = 18;
  static constexpr size_t kBytes = size_t{2 * 64} << kMostBits;
  /// A count: the word has more tokens than kMostTokens.
  static constexpr uint32_t kMany = 0xFF;

  ShortWords();

  size_t place(const CachedWord& word) const noexcept {
    const uint64_t mixed = (word.bytes[0] ^ seed_) * 0x9E3779B97F4A7C15u ^
                           (word.bytes[1] + word.size_and_kind) * 0xC2B2AE3D27D4EB4Fu ^
                           word.bytes[2] * 0x165667B19E3779F9u;
    return places_.place((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u);
  }
  size_t bytes() const noexcept { return 2 * sizeof(Line) * places_.now(); }

  /// Begins to read a place.
  void fetch(size_t place) const noexcept {
    __builtin_prefetch(&lines_[2 * place]);
    __builtin_prefetch(&lines_[2 * place + 1]);
  }
  /// False when the word is not there. tokens.count may be kMany.
  bool find(size_t place, const CachedWord& word, WordTokens& tokens) const noexcept {
    return read(lines_[2 * place], word, tokens) || read(lines_[2 * place + 1], word, tokens);
  }
  /// At most kMostTokens, or kMany. Does nothing when another thread writes there.
  void put(size_t place, const CachedWord& word, const WordTokens& tokens) noexcept;

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;

  struct alignas(64) Line {
    std::atomic<uint64_t> head;  // version << 32 | count << 8 | size and kind
    /// [0] … [2] the word; [3] … [5] ids of 24 bits; [6] sizes.
    std::array<std::atomic<uint64_t>, 7> words;
  };

  static bool read(const Line& line, const CachedWord& word, WordTokens& tokens) noexcept;

  ZeroedPages memory_;
  Line* lines_;  // two for each place: zeros are an empty one
  uint64_t seed_;
  PlaceCount<14, 2, kMostBits> places_;
};

inline bool ShortWords::read(const Line& line, const CachedWord& word,
                             WordTokens& tokens) noexcept {
  const uint64_t head = line.head.load(std::memory_order_acquire);
  if ((head & 0xFF) != word.size_and_kind || (head & kBeingWritten) != 0) return false;
  if (line.words[0].load(kRelaxed) != word.bytes[0] ||
      line.words[1].load(kRelaxed) != word.bytes[1] ||
      line.words[2].load(kRelaxed) != word.bytes[2]) {
    return false;
  }
  const auto id = [](uint64_t bits) {
    return static_cast<int32_t>(static_cast<uint32_t>(bits) & uint32_t{WordTokens::kMostId});
  };
  const uint64_t a = line.words[3].load(kRelaxed);
  const auto count = static_cast<uint32_t>(head >> 8 & 0xFF);
  tokens.ids[0] = id(a);
  tokens.ids[1] = id(a >> 24);
  if (count > 2) {
    const uint64_t b = line.words[4].load(kRelaxed), c = line.words[5].load(kRelaxed);
    tokens.ids[2] = id(a >> 48 | b << 16);
    tokens.ids[3] = id(b >> 8);
    tokens.ids[4] = id(b >> 32);
    tokens.ids[5] = id(b >> 56 | c << 8);
    tokens.ids[6] = id(c >> 16);
    tokens.ids[7] = id(c >> 40);
  }
  const uint64_t sizes = line.words[6].load(kRelaxed);
  std::memcpy(tokens.sizes.data(), &sizes, sizeof sizes);
  tokens.count = count;
  std::atomic_thread_fence(std::memory_order_acquire);
  return line.head.load(kRelaxed) == head;
}

}  // namespace tern::text
