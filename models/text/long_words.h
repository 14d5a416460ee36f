// SPDX-License-Identifier: Apache-2.0
// LongWords: as ShortWords, of words that an entry there has no room for: 25 to 120 bytes, or more
// than eight tokens. An entry has 248 bytes for the word and four for each token: any word of up to
// 48 bytes fits. Runs of signs, names with dashes, words of other scripts: few, but each of
// them takes as long to tokenize as dozens of words take to find.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "../../engine/base/huge_pages.h"
#include "entry_pair.h"
#include "place_count.h"
#include "word_tokens.h"

namespace tern::text {

class LongWords {
 public:
  static constexpr size_t kMost = 120;  // bytes
  static constexpr int kMostBits = 14;
  static constexpr size_t kBytes = size_t{2 * 256} << kMostBits;

  LongWords();

  /// The hash of a word of up to kMost bytes.
  uint64_t hash(std::string_view word, unsigned kind) const noexcept;
  size_t bytes() const noexcept { return 2 * sizeof(Entry) * places_.now(); }
  bool find(uint64_t hash, std::string_view word, unsigned kind, WordTokens& tokens) const noexcept;
  /// Does nothing when an entry has no room for it, or another thread writes there.
  void put(uint64_t hash, std::string_view word, unsigned kind, const WordTokens& tokens) noexcept;

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static constexpr size_t kWords = 31, kTextWords = kMost / 8;

  struct alignas(256) Entry {
    std::atomic<uint64_t> head;  // version << 32 | kind << 16 | tokens << 8 | bytes
    /// The word, zero-padded to a multiple of eight bytes, then two tokens each: size << 24 | id.
    std::array<std::atomic<uint64_t>, kWords> words;
  };
  static_assert(sizeof(Entry) == 256 && 2 * (kWords - 1) == WordTokens::kMost);

  static constexpr size_t text_words(size_t bytes) noexcept { return (bytes + 7) / 8; }
  using Padded = std::array<uint64_t, kTextWords>;
  static Padded padded(std::string_view word) noexcept;
  static bool read(const Entry& entry, const Padded& word, uint64_t key,
                   WordTokens& tokens) noexcept;

  ZeroedPages memory_;
  Entry* entries_;  // two for each place: zeros are an empty one
  uint64_t seed_;
  PlaceCount<8, 2, kMostBits> places_;
};

}  // namespace tern::text
