// SPDX-License-Identifier: Apache-2.0
// Filling the double array; see double_array.h.
#include "double_array.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::text {

namespace {

/// Keys in the order of their bytes; the first eight decide nearly always.
void sort_keys(std::vector<DoubleArray::Key>& keys) {
  struct Item {
    uint64_t head;
    uint32_t index;
  };
  std::vector<Item> items(keys.size());
  for (uint32_t i = 0; i < keys.size(); ++i) {
    const std::string_view text = keys[i].text;
    uint64_t head = 0;
    std::memcpy(&head, text.data(), std::min<size_t>(text.size(), 8));
    if constexpr (std::endian::native == std::endian::little) head = __builtin_bswap64(head);
    items[i] = {head, i};
  }
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    if (a.head != b.head) return a.head < b.head;
    const int order = keys[a.index].text.compare(keys[b.index].text);
    return order != 0 ? order < 0 : a.index < b.index;
  });
  std::vector<DoubleArray::Key> sorted(keys.size());
  for (size_t i = 0; i < items.size(); ++i) sorted[i] = keys[items[i].index];
  keys = std::move(sorted);
}

}  // namespace

/// Places nodes depth first. A base is sought 64 at a time: bit b of the AND over all
/// children c of "slot 64 w + b + c is free".
class DoubleArray::Builder {
 public:
  Builder(DoubleArray& out, const std::vector<Key>& keys) : out_(out), keys_(keys) { grow(0); }

  void run() {
    out_.root_ = 0;
    if (!keys_.empty()) open_.push_back({0, static_cast<uint32_t>(keys_.size()), 0, kNone});
    while (!open_.empty()) {
      const Range r = open_.back();
      open_.pop_back();
      place_children(r);
    }
    out_.slots_.resize((last_ + 1 + 256), 0);
    out_.slots_.shrink_to_fit();
  }

 private:
  /// The keys below a node: all that share `depth` bytes.
  struct Range {
    uint32_t begin, end, depth, slot;  // slot: kNone = the root
  };

  Node& node(uint32_t slot) { return slot == kNone ? out_.root_ : out_.slots_[slot]; }

  void place_children(const Range& r) {
    uint32_t i = r.begin;
    // Keys that end here come first.
    while (i < r.end && keys_[i].text.size() == r.depth) {
      node(r.slot) &= ~(uint64_t{kValueMask} << kValueShift);
      node(r.slot) |= uint64_t{keys_[i++].value + 1} << kValueShift;
    }
    if (i == r.end) return;
    uint32_t begin = i;
    labels_.clear();
    ends_.clear();
    while (i < r.end) {
      const uint8_t c = byte(i, r.depth);
      do ++i;
      while (i < r.end && byte(i, r.depth) == c);
      labels_.push_back(c);
      ends_.push_back(i);
    }
    const size_t base = find_base();
    node(r.slot) |= uint64_t{base} << kBaseShift;
    for (size_t k = 0; k < labels_.size(); ++k) {
      const size_t slot = base + labels_[k];
      free_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
      last_ = std::max(last_, slot);
      out_.slots_[slot] = kUsed | labels_[k];
      open_.push_back({begin, ends_[k], r.depth + 1, static_cast<uint32_t>(slot)});
      begin = ends_[k];
    }
  }

  uint8_t byte(uint32_t key, uint32_t depth) const {
    return static_cast<uint8_t>(keys_[key].text[depth]);
  }

  uint64_t window(size_t bit) const {
    const size_t word = bit / 64, shift = bit % 64;
    return shift == 0 ? free_[word] : free_[word] >> shift | free_[word + 1] << (64 - shift);
  }

  size_t find_base() {
    constexpr size_t kTries = 32;
    size_t& start = start_[std::min<size_t>(labels_.size(), std::size(start_) - 1)];
    for (size_t word = start, tries = 0;; ++word) {
      grow(word);
      uint64_t fits = ~bases_[word];
      for (size_t k = 0; k < labels_.size() && fits != 0; ++k) {
        fits &= window(word * 64 + labels_[k]);
      }
      if (fits != 0) {
        const auto bit = static_cast<size_t>(std::countr_zero(fits));
        bases_[word] |= uint64_t{1} << bit;
        return word * 64 + bit;
      }
      // What so many tries did not fit into is given up: building stays linear.
      if (++tries == kTries || (labels_.size() == 1 && word == start)) {
        start = labels_.size() == 1 ? word + 1 : start + kTries / 2;
        tries = 0;
      }
    }
  }

  /// Room for every child of a base in this word.
  void grow(size_t word) {
    const size_t words = word + 7;
    if (free_.size() >= words) return;
    const size_t more = std::max(words, free_.size() * 3 / 2);
    if (more > (size_t{1} << 22)) {
      fail(ErrorCode::unsupported,
           cat("a vocabulary whose trie has more than ", size_t{1} << 28, " nodes"));
    }
    const bool first = free_.empty();
    free_.resize(more, ~uint64_t{0});
    bases_.resize(more, 0);
    out_.slots_.resize(more * 64, 0);
    // Base 0 means no children.
    if (first) bases_[0] = 1;
  }

  DoubleArray& out_;
  const std::vector<Key>& keys_;
  std::vector<uint64_t> free_, bases_;
  std::vector<uint8_t> labels_;
  std::vector<uint32_t> ends_;  // of each child's keys
  std::vector<Range> open_;
  size_t start_[9] = {}, last_ = 0;
};

void DoubleArray::build(std::vector<Key>& keys) {
  sort_keys(keys);
  slots_.clear();
  Builder(*this, keys).run();
}

uint32_t DoubleArray::find(std::string_view text) const noexcept {
  Node at = root_;
  for (const char c : text) {
    if (!step(at, c)) return kNone;
  }
  return value(at);
}

}  // namespace tern::text
