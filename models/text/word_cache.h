// SPDX-License-Identifier: Apache-2.0
// WordCache: the tokens of words of up to 16 bytes, shared by all threads without locks. A place
// has room for two words, of which a new one takes over the older: the cache never grows beyond
// kBytes. An entry is one cache line under a version (a seqlock); a reader that meets a writer
// finds nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "subwords/piece_table.h"
#include "subwords/text_model.h"

namespace tern::text {

class WordCache {
 public:
  static constexpr int kPlaceBits = 15;
  static constexpr size_t kPlaces = size_t{1} << kPlaceBits, kBytes = kPlaces * 2 * 64;
  static constexpr size_t kMostTokens = 8;

  /// A word's tokens: ids, and how many bytes each has.
  struct Entry {
    std::array<int32_t, kMostTokens> ids;
    std::array<uint8_t, kMostTokens> sizes;
    uint32_t count;
  };

  WordCache();

  /// The place of a word.
  size_t place(const ShortWord& word, size_t size) const noexcept {
    const uint64_t mixed =
        (word.low ^ seed_) * 0x9E3779B97F4A7C15u ^ (word.high + size) * 0xC2B2AE3D27D4EB4Fu;
    return static_cast<size_t>((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u >> (64 - kPlaceBits));
  }

  /// Begins to read a place, which is seldom in the first cache, while other words are looked at.
  void fetch(size_t place) const noexcept {
    __builtin_prefetch(&lines_[2 * place]);
    __builtin_prefetch(&lines_[2 * place + 1]);
  }

  /// False when the word is not there.
  bool find(size_t place, const ShortWord& word, size_t size, Entry& entry) const noexcept;
  /// Does nothing when the tokens are too many or another thread writes there.
  void put(size_t place, const ShortWord& word, size_t size,
           std::span<const ModelToken> tokens) noexcept;

 private:
  /// [0] version << 32 | count << 8 | size; [1], [2] the word; [3] … [6] ids; [7] sizes.
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, 8> words;
  };

  static bool read(const Line& line, const ShortWord& word, size_t size, Entry& entry) noexcept;

  std::unique_ptr<Line[]> lines_;
  uint64_t seed_;
};

}  // namespace tern::text
