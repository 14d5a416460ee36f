// SPDX-License-Identifier: Apache-2.0
#include "kv_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/checked.h"
#include "base/error.h"
#include "base/format.h"

namespace tern {

namespace {

size_t row_bytes(const Tensor& t) {
  return static_cast<size_t>(t.dim(1) * t.dim(2)) * bits(t.dtype()) / 8;
}

/// Rows [begin, begin + count) of x [tokens, heads, head_dim], whose heads lie together, to `to`.
void copy_rows(const Tensor& x, int64_t begin, int64_t count, std::byte* to) {
  const size_t size = bits(x.dtype()) / 8, width = static_cast<size_t>(x.dim(2)) * size;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t h = 0; h < x.dim(1); ++h) {
      const int64_t element = (begin + i) * x.stride(0) + h * x.stride(1);
      std::memcpy(to, x.raw() + static_cast<size_t>(element) * size, width);
      to += width;
    }
  }
}

}  // namespace

/// Of one tensor. `rows` is scratch.
void KvCache::copy_slots(const Tensor& t, std::span<const int64_t> sources,
                         std::span<const int64_t> lengths, std::span<const int64_t> kept,
                         std::vector<std::byte>& rows) const {
  const size_t width = row_bytes(t), slot_bytes = static_cast<size_t>(capacity_) * width;
  const auto of_slot = [&](int64_t slot) {
    return t.raw() + static_cast<size_t>(slot) * slot_bytes;
  };
  rows.resize(kept.size() * slot_bytes);
  for (size_t k = 0; k < kept.size(); ++k) {
    std::memcpy(rows.data() + k * slot_bytes, of_slot(kept[k]),
                static_cast<size_t>(length(kept[k])) * width);
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] == static_cast<int64_t>(i)) continue;
    const auto at = std::find(kept.begin(), kept.end(), sources[i]);
    const std::byte* from = at == kept.end()
                                ? of_slot(sources[i])
                                : rows.data() + static_cast<size_t>(at - kept.begin()) * slot_bytes;
    std::memcpy(of_slot(static_cast<int64_t>(i)), from, static_cast<size_t>(lengths[i]) * width);
  }
}

uint64_t KvCache::bytes(const KvShape& shape, int64_t slots, int64_t capacity) {
  std::optional<uint64_t> total = bits(shape.dtype) / 8 * 2;
  for (const int64_t factor : {shape.layers, shape.kv_heads, shape.head_dim, slots, capacity}) {
    if (total) total = checked::mul(*total, static_cast<uint64_t>(factor));
  }
  return total.value_or(UINT64_MAX);
}

KvCache::KvCache(const KvShape& shape, int64_t slots, int64_t capacity)
    : shape_(shape), capacity_(capacity) {
  if (slots < 1 || capacity < 1) {
    fail(ErrorCode::invalid_argument, cat("KvCache: ", slots, " sequences of ", capacity,
                                          " tokens, expected at least one of each"));
  }
  keys_ = allocate(slots, capacity);
  values_ = allocate(slots, capacity);
  lengths_.assign(static_cast<size_t>(slots), 0);
}

/// Of one kind, per layer.
std::vector<Tensor> KvCache::allocate(int64_t slots, int64_t capacity) const {
  const uint64_t size = bytes(shape_, slots, capacity);
  try {
    if (size > uint64_t{1} << 46) throw std::bad_alloc();
    std::vector<Tensor> out;
    for (int64_t i = 0; i < shape_.layers; ++i) {
      out.push_back(
          Tensor::empty(shape_.dtype, {slots * capacity, shape_.kv_heads, shape_.head_dim}));
    }
    return out;
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, cat("the cache of ", slots, " sequences of ", capacity,
                                       " tokens needs ", size, " bytes: shorten max_length"));
  }
}

void KvCache::reserve(int64_t capacity) {
  if (capacity <= capacity_) return;
  std::vector<Tensor> keys = allocate(slots(), capacity), values = allocate(slots(), capacity);
  for (const auto& [from, to] : {std::pair{&keys_, &keys}, {&values_, &values}}) {
    for (size_t layer = 0; layer < from->size(); ++layer) {
      const Tensor &old = (*from)[layer], &fresh = (*to)[layer];
      const size_t width = row_bytes(old);
      for (int64_t slot = 0; slot < slots(); ++slot) {
        std::memcpy(fresh.raw() + static_cast<size_t>(slot * capacity) * width,
                    old.raw() + static_cast<size_t>(slot * capacity_) * width,
                    static_cast<size_t>(length(slot)) * width);
      }
    }
    from->swap(*to);
  }
  capacity_ = capacity;
}

Segment KvCache::segment(int64_t slot, int64_t begin, int64_t count) const {
  const int64_t length = this->length(slot);
  if (count < 0 || count > capacity_ - length) {
    fail(ErrorCode::invalid_argument, cat("KvCache: ", count, " more tokens after ", length,
                                          " in a sequence with room for ", capacity_));
  }
  const int64_t first = slot * capacity_;
  return {begin, begin + count, first, first + length + count};
}

std::pair<Tensor, Tensor> KvCache::put(int64_t layer, const Segments& segments, const Tensor& k,
                                       const Tensor& v) {
  const Tensor& keys = keys_[static_cast<size_t>(layer)];
  const Tensor& values = values_[static_cast<size_t>(layer)];
  for (const auto& [from, to] : {std::pair{&k, &keys}, {&v, &values}}) {
    if (from->dtype() != to->dtype() || from->dim(1) != to->dim(1) || from->dim(2) != to->dim(2)) {
      fail(ErrorCode::internal, cat("KvCache: ", from->shape().to_string(), " does not belong in ",
                                    to->shape().to_string()));
    }
    for (const Segment& s : segments.sequences) {
      copy_rows(*from, s.begin, s.queries(),
                to->raw() + static_cast<size_t>(s.key_end - s.queries()) * row_bytes(*to));
    }
  }
  return {keys, values};
}

void KvCache::advance(int64_t slot, int64_t count) {
  lengths_[static_cast<size_t>(slot)] += count;
}

void KvCache::crop(int64_t slot, int64_t length) {
  int64_t& now = lengths_[static_cast<size_t>(slot)];
  now = std::clamp<int64_t>(length, 0, now);
}

void KvCache::select(std::span<const int64_t> sources) {
  // Slots that change and that another one needs as they were.
  std::vector<int64_t> lengths, kept;
  for (size_t i = 0; i < sources.size(); ++i) {
    lengths.push_back(length(sources[i]));
    const auto slot = static_cast<int64_t>(i);
    if (sources[i] != slot && std::count(sources.begin(), sources.end(), slot) > 0)
      kept.push_back(slot);
  }
  std::vector<std::byte> rows;
  for (const auto* list : {&keys_, &values_}) {
    for (const Tensor& t : *list) copy_slots(t, sources, lengths, kept, rows);
  }
  std::copy(lengths.begin(), lengths.end(), lengths_.begin());
}

}  // namespace tern
