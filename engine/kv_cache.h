// SPDX-License-Identifier: Apache-2.0
// KvCache: keys and values of the tokens that sequences have seen, so that a step computes only its
// new tokens. Per layer two tensors [slots · capacity, kv_heads, head_dim]; a slot is the place of
// one sequence, of any length up to the capacity, and slots are filled and emptied independently
// between steps. Nothing is allocated after construction, but for select() and reserve(). One step
// at a time; not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "backend.h"

namespace tern {

/// What a model keeps per token.
struct KvShape {
  int64_t layers = 0, kv_heads = 0, head_dim = 0;
  DType dtype = DType::f32;  // f32 or bf16
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
  /// batch. invalid_argument when they do not fit.
  Segment segment(int64_t slot, int64_t begin, int64_t count) const;
  /// Puts the new tokens' k and v [tokens, kv_heads, head_dim] of a layer where their segments say,
  /// and gives all keys and values of the layer.
  std::pair<Tensor, Tensor> put(int64_t layer, const Segments& segments, const Tensor& k,
                                const Tensor& v);
  /// After the last layer: the slot has `count` tokens more.
  void advance(int64_t slot, int64_t count);
  /// Forgets all but the first `length` tokens.
  void crop(int64_t slot, int64_t length);
  /// Slot i becomes what slot sources[i] was.
  void select(std::span<const int64_t> sources);
  /// Room for `capacity` tokens in each sequence; out_of_memory leaves everything as it was.
  void reserve(int64_t capacity);

  const KvShape& shape() const noexcept { return shape_; }

 private:
  std::vector<Tensor> allocate(int64_t slots, int64_t capacity) const;
  void copy_slots(const Tensor& t, std::span<const int64_t> sources,
                  std::span<const int64_t> lengths, std::span<const int64_t> kept,
                  std::vector<std::byte>& rows) const;

  KvShape shape_;
  int64_t capacity_;
  std::vector<Tensor> keys_, values_;  // per layer
  std::vector<int64_t> lengths_;
};

}  // namespace tern
