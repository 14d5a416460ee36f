// SPDX-License-Identifier: Apache-2.0
// KvCache: keys and values of the tokens that sequences have seen, so that a step computes only its
// new tokens. Per layer two tensors [slots · rows, kv_heads, head_dim, in int8 + 4]; a slot is the
// place of one sequence, of any length up to the capacity, and slots are filled and emptied
// independently between steps. A layer that looks through a window keeps what a next token sees and
// a few tokens more, however long the sequence; attention over it has the bits of attention over
// all. Nothing is allocated after construction, but for select() and reserve(). One step at a time;
// not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend.h"

namespace tern {

/// What a model keeps per token.
struct KvShape {
  int64_t layers = 0, kv_heads = 0, head_dim = 0;
  /// What is kept: f32 or bf16, as k and v come; i8, rounded to 8 bits with a scale for each token
  /// and head, which lies behind their codes (kernels/attention).
  DType dtype = DType::f32;
  /// AttentionOptions::window of each layer; empty: 0, all keys, for each.
  std::vector<int64_t> windows = {};
  bool operator==(const KvShape&) const = default;
};

class TERN_API KvCache {
 public:
  /// What the constructor takes from the heap.
  static uint64_t bytes(const KvShape& shape, int64_t slots, int64_t capacity);
  /// out_of_memory names the size; invalid_argument for sizes below 1.
  KvCache(const KvShape& shape, int64_t slots, int64_t capacity);

  int64_t slots() const noexcept { return static_cast<int64_t>(lengths_.size()); }
  int64_t capacity() const noexcept { return capacity_; }
  int64_t length(int64_t slot) const noexcept { return lengths_[static_cast<size_t>(slot)]; }

  /// The Segment of `count` new tokens of a slot that stand at rows [begin, begin + count) of a
  /// batch, for put(). invalid_argument when they do not fit.
  Segment segment(int64_t slot, int64_t begin, int64_t count) const;
  /// Keys and values for attention, and where in them the sequences lie, until the next put().
  struct Layer {
    Tensor keys, values;
    std::span<const Segment> sequences;
  };
  /// Puts the new tokens' k and v [tokens, kv_heads, head_dim] of a layer where their segments say.
  /// A step of more tokens than a window's rows take gets what it sees on the arena.
  Layer put(Context& ctx, int64_t layer, const Segments& segments, const Tensor& k,
            const Tensor& v);
  /// After the last layer: the slot has `count` tokens more.
  void advance(int64_t slot, int64_t count);
  /// Forgets all but the first `length` tokens; all of them where a window has lost what the token
  /// after these sees, as it may have more than kKept tokens back. After a step that was broken off
  /// this comes before the next one.
  void crop(int64_t slot, int64_t length);
  static constexpr int64_t kKept = 64;
  /// Slot i becomes what slot sources[i] was.
  void select(std::span<const int64_t> sources);
  /// Room for `capacity` tokens in each sequence; out_of_memory leaves everything as it was.
  void reserve(int64_t capacity);

  const KvShape& shape() const noexcept { return shape_; }

 private:
  /// One layer: a slot's rows are its tokens [begins[slot], …), begins in blocks of keys.
  struct Store {
    Tensor keys, values;
    int64_t window, rows;
    std::vector<int64_t> begins = {};  // per slot

    int64_t needed(int64_t length) const;
    int64_t begin_for(int64_t begin, int64_t length, int64_t end) const;
    std::byte* row(const Tensor& t, int64_t slot, int64_t token) const;
    void move(int64_t slot, int64_t begin, int64_t length);
  };

  std::vector<Store> allocate(int64_t slots, int64_t capacity) const;
  void select(Store& store, std::span<const int64_t> sources, std::span<const int64_t> kept,
              std::vector<std::byte>& scratch) const;
  bool takes(const Tensor& x) const;
  Layer gather(Context& ctx, const Store& store, const Segments& segments, const Tensor& k,
               const Tensor& v);

  KvShape shape_;
  int64_t capacity_;
  std::vector<Store> layers_;
  std::vector<int64_t> lengths_;
  std::vector<Segment> sequences_;  // what put() gives
};

}  // namespace tern
