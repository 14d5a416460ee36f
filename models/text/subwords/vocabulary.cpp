// SPDX-License-Identifier: Apache-2.0
// Hash table and trie of a vocabulary; see vocabulary.h.
#include "vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::text {

namespace {

__extension__ typedef unsigned __int128 Wide;

uint64_t fold(uint64_t a, uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr uint64_t kMix = 0x9E3779B97F4A7C15, kMix2 = 0xD6E8FEB86659FD93;

}  // namespace

uint64_t hash_text(std::string_view text, uint64_t seed) noexcept {
  uint64_t h = seed ^ (text.size() * kMix2);
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    h = fold(h ^ word, kMix);
  }
  uint64_t tail = 0;
  if (i < text.size()) std::memcpy(&tail, text.data() + i, text.size() - i);
  return fold(h ^ tail, kMix2 ^ seed);
}

uint64_t random_seed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32 | device()) | 1;
  }();
  return seed;
}

std::string byte_token(uint8_t byte) {
  constexpr char kHex[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
}

void Vocabulary::reserve(size_t tokens, size_t bytes) {
  bytes_.reserve(bytes);
  entries_.reserve(tokens);
  seed_ = random_seed();
  slots_.assign(std::bit_ceil(std::max<size_t>(16, tokens + tokens / 2)), {0, 0});
}

size_t Vocabulary::slot_of(std::string_view token, uint64_t hash) const noexcept {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t i = hash & mask;
  while (slots_[i].entry != 0) {
    if (slots_[i].hash == tag && text(entries_[slots_[i].entry - 1]) == token) break;
    i = (i + 1) & mask;
  }
  return i;
}

void Vocabulary::grow() {
  std::vector<Slot> old(std::max<size_t>(16, slots_.size() * 2), {0, 0});
  old.swap(slots_);
  for (uint32_t e = 0; e < entries_.size(); ++e) {
    const uint64_t hash = hash_text(text(entries_[e]), seed_);
    slots_[slot_of(text(entries_[e]), hash)] = {static_cast<uint32_t>(hash >> 32), e + 1};
  }
}

void Vocabulary::add(std::string_view token, int64_t id) {
  if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
    fail(ErrorCode::corrupt, cat("tokenizer vocabulary: the id of '", token, "' is ", id,
                                 ", outside of 0 … 2147483647"));
  }
  if (bytes_.size() + token.size() > std::numeric_limits<uint32_t>::max()) {
    fail(ErrorCode::unsupported, "tokenizer vocabulary: the tokens have more than 4 GB");
  }
  if (seed_ == 0) seed_ = random_seed();
  if ((entries_.size() + 1) * 4 > slots_.size() * 3) grow();
  const uint64_t hash = hash_text(token, seed_);
  Slot& slot = slots_[slot_of(token, hash)];
  if (slot.entry != 0) {
    entries_[slot.entry - 1].id = static_cast<int32_t>(id);
    return;
  }
  entries_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(token.size()),
                      static_cast<int32_t>(id)});
  bytes_.append(token);
  slot = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(entries_.size())};
}

void Vocabulary::finish() {
  int64_t last = -1;
  for (const Entry& e : entries_) last = std::max<int64_t>(last, e.id);
  dense_ = last < static_cast<int64_t>(entries_.size()) * 2 + 1024;
  if (dense_) {
    by_id_.assign(static_cast<size_t>(last + 1), 0);
    unique_ids_ = true;
    for (uint32_t e = 0; e < entries_.size(); ++e) {
      uint32_t& entry = by_id_[static_cast<size_t>(entries_[e].id)];
      unique_ids_ = unique_ids_ && entry == 0;
      entry = e + 1;
    }
    return;
  }
  by_id_.resize(entries_.size());
  std::iota(by_id_.begin(), by_id_.end(), 0u);
  std::stable_sort(by_id_.begin(), by_id_.end(),
                   [this](uint32_t a, uint32_t b) { return entries_[a].id < entries_[b].id; });
  const auto same = [this](uint32_t a, uint32_t b) { return entries_[a].id == entries_[b].id; };
  unique_ids_ = std::adjacent_find(by_id_.begin(), by_id_.end(), same) == by_id_.end();
}

int32_t Vocabulary::find(std::string_view token) const noexcept {
  if (entries_.empty()) return -1;
  const Slot& slot = slots_[slot_of(token, hash_text(token, seed_))];
  return slot.entry == 0 ? -1 : entries_[slot.entry - 1].id;
}

int32_t Vocabulary::find_entry(std::string_view token, uint64_t hash) const noexcept {
  if (entries_.empty()) return -1;
  return static_cast<int32_t>(slots_[slot_of(token, hash)].entry) - 1;
}

void Vocabulary::find_entries(std::span<const std::string_view> tokens,
                              int32_t* entries) const noexcept {
  constexpr size_t kAhead = 48;
  uint64_t hashes[kAhead];
  if (entries_.empty()) return std::fill_n(entries, tokens.size(), -1), void();
  const size_t mask = slots_.size() - 1;
  for (size_t begin = 0; begin < tokens.size(); begin += kAhead) {
    const size_t count = std::min(kAhead, tokens.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = hash_text(tokens[begin + i], seed_);
      __builtin_prefetch(&slots_[hashes[i] & mask]);
    }
    // Most slots hold the token itself: its entry and its bytes.
    for (size_t i = 0; i < count; ++i) {
      const uint32_t entry = slots_[hashes[i] & mask].entry;
      if (entry != 0) __builtin_prefetch(&entries_[entry - 1]);
    }
    for (size_t i = 0; i < count; ++i) {
      const uint32_t entry = slots_[hashes[i] & mask].entry;
      if (entry != 0) __builtin_prefetch(bytes_.data() + entries_[entry - 1].offset);
    }
    for (size_t i = 0; i < count; ++i) {
      entries[begin + i] = find_entry(tokens[begin + i], hashes[i]);
    }
  }
}

int32_t Vocabulary::entry_of(int64_t id) const noexcept {
  if (id < 0) return -1;
  if (dense_) {
    if (id >= static_cast<int64_t>(by_id_.size())) return -1;
    return static_cast<int32_t>(by_id_[static_cast<size_t>(id)]) - 1;
  }
  // Of two tokens with one id the later one is the id's token.
  auto at = std::upper_bound(by_id_.begin(), by_id_.end(), id,
                             [this](int64_t x, uint32_t e) { return x < entries_[e].id; });
  if (at == by_id_.begin() || entries_[*(at - 1)].id != id) return -1;
  return static_cast<int32_t>(*(at - 1));
}

std::optional<std::string_view> Vocabulary::token(int64_t id) const noexcept {
  const int32_t entry = entry_of(id);
  if (entry < 0) return std::nullopt;
  return text(entries_[static_cast<size_t>(entry)]);
}

void ByteTrie::reserve(size_t bytes) {
  seed_ = random_seed();
  values_.reserve(bytes / 2 + 1);
  const size_t slots = std::bit_ceil(std::max<size_t>(64, bytes));
  edges_.assign(slots, {0, 0});
  shift_ = 64 - static_cast<int>(std::bit_width(slots - 1));
}

size_t ByteTrie::slot(uint32_t key) const noexcept {
  const size_t mask = edges_.size() - 1;
  size_t i = (key * seed_) >> shift_;  // universal hashing: a random odd multiplier
  while (edges_[i].child != 0 && edges_[i].key != key) i = (i + 1) & mask;
  return i;
}

void ByteTrie::grow() {
  // 0 where nothing was reserved: every key would have one slot.
  if (seed_ == 0) seed_ = random_seed();
  std::vector<Edge> old(std::max<size_t>(64, edges_.size() * 2), {0, 0});
  old.swap(edges_);
  shift_ = 64 - static_cast<int>(std::bit_width(edges_.size() - 1));
  for (const Edge& e : old) {
    if (e.child != 0) edges_[slot(e.key)] = e;
  }
}

void ByteTrie::insert(std::string_view text, int32_t value) {
  uint32_t node = 0;
  for (const char c : text) {
    if (values_.size() * 4 > edges_.size() * 3) grow();
    const uint32_t key = node << 8 | static_cast<unsigned char>(c);
    Edge& edge = edges_[slot(key)];
    if (edge.child == 0) {
      if (values_.size() >= (1u << 24)) {
        fail(ErrorCode::unsupported, "tokenizer vocabulary: more than 16 million trie nodes");
      }
      edge = {key, static_cast<uint32_t>(values_.size())};
      values_.push_back(-1);
    }
    node = edge.child;
  }
  values_[node] = value;
}

uint32_t ByteTrie::child(uint32_t node, char byte) const noexcept {
  if (edges_.empty()) return kNone;
  const Edge& edge = edges_[slot(node << 8 | static_cast<unsigned char>(byte))];
  return edge.child == 0 ? kNone : edge.child;
}

uint32_t ByteTrie::walk(uint32_t node, std::string_view text) const noexcept {
  for (const char c : text) {
    node = child(node, c);
    if (node == kNone) break;
  }
  return node;
}

}  // namespace tern::text
