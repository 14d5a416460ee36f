// SPDX-License-Identifier: Apache-2.0
// Reading and writing entries; see long_words.h.
#include "long_words.h"

#include <algorithm>
#include <cstring>

#include "subwords/vocabulary.h"

namespace tern::text {

namespace {

constexpr uint64_t kKey = 0xFF00FF;  // kind and bytes

uint64_t key_of(std::string_view word, unsigned kind) {
  return uint64_t{kind} << 16 | word.size();
}

/// Tokens i and i + 1, the second one if there is one.
uint64_t two_tokens(const WordTokens& tokens, size_t i) {
  uint64_t two = 0;
  for (size_t k = 0; k < std::min<size_t>(2, tokens.count - i); ++k) {
    const auto id = static_cast<uint32_t>(tokens.ids[i + k]);
    two |= uint64_t{id | uint32_t{tokens.sizes[i + k]} << 24} << 32 * k;
  }
  return two;
}

}  // namespace

LongWords::LongWords()
    : memory_(kBytes), entries_(static_cast<Entry*>(memory_.data())), seed_(random_seed()) {}

LongWords::Padded LongWords::padded(std::string_view word) noexcept {
  Padded out{};
  std::memcpy(out.data(), word.data(), word.size());
  return out;
}

uint64_t LongWords::hash(std::string_view word, unsigned kind) const noexcept {
  const Padded bytes = padded(word);
  uint64_t h = seed_ ^ key_of(word, kind);
  for (size_t i = 0; i < text_words(word.size()); ++i) {
    h = (h ^ bytes[i]) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  return h * 0xBF58476D1CE4E5B9u;
}

bool LongWords::read(const Entry& entry, const Padded& word, uint64_t key,
                     WordTokens& tokens) noexcept {
  const uint64_t head = entry.head.load(std::memory_order_acquire);
  if ((head & kKey) != key || (head & kBeingWritten) != 0) return false;
  const size_t text = text_words(key & 0xFF);
  for (size_t i = 0; i < text; ++i) {
    if (entry.words[i].load(kRelaxed) != word[i]) return false;
  }
  tokens.count = static_cast<uint32_t>(head >> 8 & 0xFF);
  for (size_t i = 0; i < tokens.count; i += 2) {
    const uint64_t two = entry.words[text + i / 2].load(kRelaxed);
    for (const size_t k : {size_t{0}, size_t{1}}) {
      const auto token = static_cast<uint32_t>(two >> 32 * k);
      tokens.ids[i + k] = static_cast<int32_t>(token & uint32_t{WordTokens::kMostId});
      tokens.sizes[i + k] = static_cast<uint8_t>(token >> 24);
    }
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  return entry.head.load(kRelaxed) == head;
}

bool LongWords::find(uint64_t hash, std::string_view word, unsigned kind,
                     WordTokens& tokens) const noexcept {
  const Padded bytes = padded(word);
  const uint64_t key = key_of(word, kind);
  const Entry* const place = entries_ + 2 * places_.place(hash);
  return read(place[0], bytes, key, tokens) || read(place[1], bytes, key, tokens);
}

void LongWords::put(uint64_t hash, std::string_view word, unsigned kind,
                    const WordTokens& tokens) noexcept {
  const size_t text = text_words(word.size());
  if (text + (tokens.count + 1) / 2 > kWords) return;
  const Padded bytes = padded(word);
  const uint64_t key = key_of(word, kind);
  Entry* const place = entries_ + 2 * places_.place(hash);
  WordTokens old;
  const bool taken_over = put_in_pair(
      place, static_cast<uint32_t>(tokens.count << 8 | key),
      [&](const Entry& entry) { return read(entry, bytes, key, old); },
      [&](Entry& entry) {
        for (size_t i = 0; i < text; ++i) entry.words[i].store(bytes[i], kRelaxed);
        for (size_t i = 0; i < tokens.count; i += 2)
          entry.words[text + i / 2].store(two_tokens(tokens, i), kRelaxed);
      });
  if (taken_over) places_.count_taken_over();
}

}  // namespace tern::text
