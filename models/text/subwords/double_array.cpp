// SPDX-License-Identifier: Apache-2.0
// Filling the double array; see double_array.h.
#include "double_array.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::text {

namespace {

struct Item {
  uint64_t head;  // the first eight bytes, the first one highest, zeros behind a shorter text
  uint32_t index;
};

uint64_t head_of(std::string_view text) noexcept {
  uint64_t head = 0;
  if (text.size() >= 8) {
    std::memcpy(&head, text.data(), 8);
    return std::endian::native == std::endian::little ? __builtin_bswap64(head) : head;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    head |= uint64_t{static_cast<unsigned char>(text[i])} << (56 - 8 * i);
  }
  return head;
}

/// By their heads, byte by byte from the last one; of equal ones the order stays.
void sort_by_head(std::vector<Item>& items) {
  std::vector<std::array<uint32_t, 256>> counts(8);
  for (const Item& item : items) {
    for (size_t byte = 0; byte < 8; ++byte) ++counts[byte][item.head >> (8 * byte) & 0xFF];
  }
  std::vector<Item> other(items.size());
  for (size_t byte = 0; byte < 8; ++byte) {
    std::array<uint32_t, 256>& next = counts[byte];
    if (std::find(next.begin(), next.end(), items.size()) != next.end()) continue;  // all alike
    std::exclusive_scan(next.begin(), next.end(), next.begin(), 0u);
    for (const Item& item : items) other[next[item.head >> (8 * byte) & 0xFF]++] = item;
    items.swap(other);
  }
}

/// Keys in the order of their bytes; the first eight decide nearly always.
void sort_keys(std::vector<DoubleArray::Key>& keys) {
  std::vector<Item> items(keys.size());
  for (uint32_t i = 0; i < keys.size(); ++i) items[i] = {head_of(keys[i].text), i};
  sort_by_head(items);
  const auto before = [&keys](const Item& a, const Item& b) {
    const int order = keys[a.index].text.compare(keys[b.index].text);
    return order != 0 ? order < 0 : a.index < b.index;
  };
  for (auto from = items.begin(); from != items.end();) {
    auto to = from + 1;
    while (to != items.end() && to->head == from->head) ++to;
    if (to - from > 1) std::sort(from, to, before);
    from = to;
  }
  std::vector<DoubleArray::Key> sorted(keys.size());
  for (size_t i = 0; i < items.size(); ++i) sorted[i] = keys[items[i].index];
  keys = std::move(sorted);
}

}  // namespace

/// Places nodes depth first. A base is sought 64 at a time: bit b of the AND over all
/// children c of "slot 64 w + b + c is free".
class DoubleArray::Builder {
 public:
  Builder(DoubleArray& out, const std::vector<Key>& keys, std::vector<uint32_t>* shorter)
      : out_(out), keys_(keys), shorter_(shorter) {
    size_t bytes = 0;
    for (const Key& key : keys) bytes += key.text.size();
    // As if no two had a byte in common; what is not used is not touched.
    out_.slots_.reserve(std::min(bytes, kMostReserved));
    grow(0);
  }

  void run() {
    out_.root_ = 0;
    if (shorter_) shorter_->resize(keys_.size());
    if (!keys_.empty()) open_.push_back({0, static_cast<uint32_t>(keys_.size()), 0, kNone, kNone});
    while (!open_.empty()) {
      const Range r = open_.back();
      open_.pop_back();
      if (r.end - r.begin == 1) {
        place_rest(r);
      } else {
        place_children(r);
      }
    }
    out_.slots_.resize((last_ + 1 + 256), 0);
  }

 private:
  static constexpr size_t kMostReserved = size_t{1} << 21;

  /// The keys below a node: all that share `depth` bytes.
  struct Range {
    uint32_t begin, end, depth;
    uint32_t slot;   // kNone: the root
    uint32_t value;  // of the longest text that ends above; kNone: none does
  };

  Node& node(uint32_t slot) { return slot == kNone ? out_.root_ : out_.slots_[slot]; }

  /// Key `i` ends at a node; `above` is the longest text that ends above.
  void end_key(uint32_t i, uint32_t slot, uint32_t above) {
    if (keys_[i].value >= kValueMask) {
      fail(ErrorCode::unsupported, cat("a vocabulary with more than ", kValueMask, " tokens"));
    }
    if (shorter_) (*shorter_)[i] = above;
    node(slot) &= ~(uint64_t{kValueMask} << kValueShift);
    node(slot) |= uint64_t{keys_[i].value + 1} << kValueShift;
  }

  /// The only key below a node: a chain.
  void place_rest(const Range& r) {
    const std::string_view text = keys_[r.begin].text;
    uint32_t slot = r.slot;
    labels_.resize(1);
    for (size_t depth = r.depth; depth < text.size(); ++depth) {
      labels_[0] = static_cast<uint8_t>(text[depth]);
      slot = place(slot, find_base(), 0);
    }
    end_key(r.begin, slot, r.value);
  }

  void place_children(const Range& r) {
    uint32_t i = r.begin, value = r.value;
    // Keys that end here come first.
    for (; i < r.end && keys_[i].text.size() == r.depth; ++i) {
      end_key(i, r.slot, r.value);
      value = keys_[i].value;
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
    for (size_t k = 0; k < labels_.size(); ++k) {
      open_.push_back({begin, ends_[k], r.depth + 1, place(r.slot, base, k), value});
      begin = ends_[k];
    }
  }

  /// Makes the node of child `k`; returns its slot.
  uint32_t place(uint32_t parent, size_t base, size_t k) {
    const size_t slot = base + labels_[k];
    if (k == 0) node(parent) |= uint64_t{base} << kBaseShift;
    free_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
    last_ = std::max(last_, slot);
    out_.slots_[slot] = kUsed | labels_[k];
    return static_cast<uint32_t>(slot);
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

  static constexpr size_t kMoreWords = 64;
  /// Room for every child of a base in this word.
  void grow(size_t word) {
    const size_t words = word + 7;
    if (out_.slots_.size() >= words * 64) return;
    const size_t more = words + kMoreWords;
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
  std::vector<uint32_t>* shorter_;
  std::vector<uint64_t> free_, bases_;
  std::vector<uint8_t> labels_;
  std::vector<uint32_t> ends_;  // of each child's keys
  std::vector<Range> open_;
  size_t start_[9] = {}, last_ = 0;
};

void DoubleArray::build(std::vector<Key>& keys, std::vector<uint32_t>* shorter) {
  sort_keys(keys);
  slots_.clear();
  Builder(*this, keys, shorter).run();
}

uint32_t DoubleArray::find(std::string_view text) const noexcept {
  Node at = root_;
  for (const char c : text) {
    if (!step(at, c)) return kNone;
  }
  return value(at);
}

}  // namespace tern::text
