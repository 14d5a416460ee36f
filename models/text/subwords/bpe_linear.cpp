// SPDX-License-Identifier: Apache-2.0
// Finding the sequence of tokens; see bpe_linear.h. The tables are made in bpe_derive.cpp.
#include "bpe_linear.h"

#include <algorithm>

#include "../../../engine/base/error.h"

namespace tern::text {

/// Runs the merges of two neighbours backwards, the last one first. `limit`: the merge that comes
/// next must be earlier than one across the boundary; at equal ranks the left place is earlier.
bool BpeLinear::stays_apart(uint32_t left, uint32_t right, bool asked_first) const noexcept {
  const PairTable& pairs = merges_.pairs();
  const Token* const tokens = tokens_.data();
  uint32_t limit = PairTable::kNever;
  uint32_t l_rank = tokens[left].rank, r_rank = tokens[right].rank;
  uint32_t l_next = tokens[left].right, r_next = tokens[right].left;
  for (bool ask = asked_first;; ask = true) {
    if (ask && pairs.rank(left, right) < limit) return false;
    if ((l_rank | r_rank) == 0) return true;
    const bool later = l_rank > r_rank;
    const uint32_t next = later ? l_next : r_next;
    limit = later ? l_rank : r_rank + 1;
    const Token& token = tokens[next];
    left = later ? next : left;
    right = later ? right : next;
    l_rank = later ? token.rank : l_rank;
    r_rank = later ? r_rank : token.rank;
    l_next = later ? token.right : l_next;
    r_next = later ? r_next : token.left;
  }
}

bool BpeLinear::apart(uint32_t left, uint32_t right) const {
  const uint64_t pair = uint64_t{left} << 32 | right;
  std::atomic<uint64_t>& slot = memo_[pair * 0x9E3779B97F4A7C15 >> (64 - kMemoBits)];
  const uint64_t known = slot.load(std::memory_order_relaxed);
  if (known >> 1 == pair) return known & 1;
  const bool found = find_apart(left, right);
  slot.store(pair << 1 | found, std::memory_order_relaxed);
  return found;
}

bool BpeLinear::find_apart(uint32_t left, uint32_t right) const {
  if (odd_count_ != 0 && (odd_[left] || odd_[right])) return apart_by_queue(left, right);
  return stays_apart(left, right, true);
}

void BpeLinear::characters_of(uint32_t token, std::vector<uint32_t>& out) const {
  std::vector<uint32_t> open{token};
  while (!open.empty()) {
    const uint32_t t = open.back();
    open.pop_back();
    if (tokens_[t].rank == 0) {
      out.push_back(t);
      continue;
    }
    open.push_back(tokens_[t].right);
    open.push_back(tokens_[t].left);
  }
}

bool BpeLinear::apart_by_queue(uint32_t left, uint32_t right) const {
  std::vector<uint32_t> characters;
  characters_of(left, characters);
  characters_of(right, characters);
  return merges_.by_queue(characters) == std::vector<uint32_t>{left, right};
}

namespace {

/// Places where no sequence ends; memory only once there is one far on.
class DeadPlaces {
 public:
  explicit DeadPlaces(size_t size) : size_(size) {}
  bool has(size_t i) const noexcept {
    if (i < 64) return first_ >> i & 1;
    return !rest_.empty() && (rest_[i / 64] >> (i % 64) & 1);
  }
  void add(size_t i) {
    if (i < 64) {
      first_ |= uint64_t{1} << i;
      return;
    }
    if (rest_.empty()) rest_.assign(size_ / 64 + 1, 0);
    rest_[i / 64] |= uint64_t{1} << (i % 64);
  }

 private:
  size_t size_;
  uint64_t first_ = 0;
  std::vector<uint64_t> rest_;
};

}  // namespace

size_t BpeLinear::run(const Spelling& spelling, std::string_view text, size_t from, uint32_t first,
                      ModelTokens& out) const {
  const size_t bottom = out.size();
  DeadPlaces dead(text.size() - from);
  size_t at = from;
  while (at < text.size()) {
    uint32_t token = at == from ? first : spelling.trie.longest(text, at).value;
    // A suffix alone is no character: the way here is wrong.
    if (token == kNone && text[at] != kSuffix) break;
    for (;; token = tokens_[token].shorter) {
      while (token == kNone) {
        if (out.size() == bottom) fail(ErrorCode::internal, "BPE: no sequence of tokens");
        dead.add(at - from);
        at = out.back().begin;
        token = tokens_[static_cast<size_t>(out.back().id)].shorter;
        out.pop_back();
      }
      const size_t end = at + spelling.pieces[token].size;
      if (dead.has(end - from)) continue;
      if (out.size() != bottom && !apart(static_cast<uint32_t>(out.back().id), token)) continue;
      out.push_back(
          {static_cast<int32_t>(token), static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
      at = end;
      break;
    }
  }
  return at;
}

}  // namespace tern::text
