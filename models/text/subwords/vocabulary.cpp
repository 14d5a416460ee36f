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

template <class T>
T load(const char* at) noexcept {
  T word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Up to eight bytes as a number that no others of that size have.
uint64_t short_word(const char* at, size_t size) noexcept {
  if (size == 8) return load<uint64_t>(at);
  if (size >= 4) return uint64_t{load<uint32_t>(at)} << 32 | load<uint32_t>(at + size - 4);
  if (size >= 2) return uint64_t{load<uint16_t>(at)} << 16 | load<uint16_t>(at + size - 2);
  return size == 0 ? 0 : static_cast<unsigned char>(*at);
}

constexpr uint64_t kMix = 0x9E3779B97F4A7C15, kMix2 = 0xD6E8FEB86659FD93;

}  // namespace

uint64_t hash_text(std::string_view text, uint64_t seed) noexcept {
  uint64_t h = seed ^ (text.size() * kMix2);
  const char* at = text.data();
  size_t left = text.size();
  for (; left > 8; left -= 8, at += 8) h = fold(h ^ load<uint64_t>(at), kMix);
  return fold(h ^ short_word(at, left), kMix2 ^ seed);
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
  slots_.assign(std::bit_ceil(std::max<size_t>(16, tokens + tokens / 2)), {0, 0, 0});
}

Vocabulary::Key::Key(std::string_view token, uint64_t seed) noexcept
    : hash(hash_text(token, seed)),
      head(short_word(token.data(), std::min<size_t>(token.size(), 8))),
      tag(static_cast<uint32_t>(hash >> 32 << 8 | std::min<size_t>(token.size(), 255))) {}

size_t Vocabulary::slot_of(std::string_view token, const Key& key) const noexcept {
  const size_t mask = slots_.size() - 1;
  size_t i = key.hash & mask;
  for (; slots_[i].entry != 0; i = (i + 1) & mask) {
    if (slots_[i].tag != key.tag || slots_[i].head != key.head) continue;
    if (token.size() <= 8 || text(entries_[slots_[i].entry - 1]) == token) break;
  }
  return i;
}

void Vocabulary::grow() {
  slots_.assign(std::max<size_t>(16, slots_.size() * 2), {0, 0, 0});
  for (uint32_t e = 0; e < entries_.size(); ++e) {
    const Key key(text(entries_[e]), seed_);
    slots_[slot_of(text(entries_[e]), key)] = {key.head, key.tag, e + 1};
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
  const Key key(token, seed_);
  Slot& slot = slots_[slot_of(token, key)];
  if (slot.entry != 0) {
    entries_[slot.entry - 1].id = static_cast<int32_t>(id);
    return;
  }
  entries_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(token.size()),
                      static_cast<int32_t>(id)});
  bytes_.append(token);
  slot = {key.head, key.tag, static_cast<uint32_t>(entries_.size())};
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
  const Slot& slot = slots_[slot_of(token, Key(token, seed_))];
  return slot.entry == 0 ? -1 : entries_[slot.entry - 1].id;
}

int32_t Vocabulary::find_entry(std::string_view token, const Key& key) const noexcept {
  if (entries_.empty()) return -1;
  return static_cast<int32_t>(slots_[slot_of(token, key)].entry) - 1;
}

void Vocabulary::find_entries(std::span<const std::string_view> tokens,
                              int32_t* entries) const noexcept {
  constexpr size_t kAhead = 48;
  Key keys[kAhead];
  if (entries_.empty()) return std::fill_n(entries, tokens.size(), -1), void();
  const size_t mask = slots_.size() - 1;
  for (size_t begin = 0; begin < tokens.size(); begin += kAhead) {
    const size_t count = std::min(kAhead, tokens.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      keys[i] = Key(tokens[begin + i], seed_);
      __builtin_prefetch(&slots_[keys[i].hash & mask]);
    }
    // Most slots hold the token itself: where it is long, its entry and its bytes come next.
    const auto entry_of = [&](size_t i) -> const Entry* {
      if (tokens[begin + i].size() <= 8) return nullptr;
      const Slot& slot = slots_[keys[i].hash & mask];
      return slot.tag == keys[i].tag ? &entries_[slot.entry - 1] : nullptr;
    };
    for (size_t i = 0; i < count; ++i) {
      if (const Entry* e = entry_of(i)) __builtin_prefetch(e);
    }
    for (size_t i = 0; i < count; ++i) {
      if (const Entry* e = entry_of(i)) __builtin_prefetch(bytes_.data() + e->offset);
    }
    for (size_t i = 0; i < count; ++i) {
      entries[begin + i] = find_entry(tokens[begin + i], keys[i]);
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
