// SPDX-License-Identifier: Apache-2.0
#include "kv_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "../kernels/attention/attention.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/format.h"
#include "context.h"

namespace tern {

namespace {

constexpr int64_t kBlock = kernels::kAttentionBlock;

int64_t round_down(int64_t n) {
  return n / kBlock * kBlock;
}

int64_t round_up(int64_t n) {
  return round_down(n + kBlock - 1);
}

/// Rows of a slot. When they are full, the last window and kKept tokens move to the front; so many
/// more that it is rare, and that a step with a few guesses fits.
int64_t rows_of(const KvShape& shape, size_t layer, int64_t capacity) {
  const int64_t window = shape.windows.empty() ? 0 : shape.windows[layer];
  if (window < 1 || window >= capacity) return capacity;
  return std::min(capacity, round_up(window + 2 * KvCache::kKept + window / 16) + kBlock);
}

size_t row_bytes(const Tensor& t) {
  return static_cast<size_t>(t.dim(1) * t.dim(2)) * bits(t.dtype()) / 8;
}

kernels::Format format_of(const Tensor& x) {
  return x.dtype() == DType::bf16 ? kernels::Format::bf16 : kernels::Format::f32;
}

/// Elements of a head's row.
int64_t row_width(const KvShape& shape) {
  if (shape.dtype != DType::i8) return shape.head_dim;
  return kernels::kv_row_bytes(kernels::KvFormat::int8, shape.head_dim);
}

/// Rows [begin, end) of x [tokens, heads, head_dim] to `to`, as `kept` has them.
void copy_rows(const Tensor& x, int64_t begin, int64_t end, const Tensor& kept, std::byte* to) {
  const size_t size = bits(x.dtype()) / 8, width = static_cast<size_t>(x.dim(2)) * size;
  const size_t step = row_bytes(kept) / static_cast<size_t>(kept.dim(1));
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t h = 0; h < x.dim(1); ++h, to += step) {
      const int64_t element = i * x.stride(0) + h * x.stride(1);
      const std::byte* const from = x.raw() + static_cast<size_t>(element) * size;
      if (kept.dtype() == DType::i8) {
        kernels::quantize_kv_row(from, format_of(x), x.dim(2), to);
      } else {
        std::memcpy(to, from, width);
      }
    }
  }
}

}  // namespace

/// The first token that must be there for the next one after `length`.
int64_t KvCache::Store::needed(int64_t length) const {
  return window < 1 ? 0 : round_down(std::max<int64_t>(0, length - window + 1));
}

/// The first token to keep, now `begin`, before tokens [length, end) come. Where end - begin_for()
/// is more than there are rows, they cannot all be there at once, and it is above the needed one.
int64_t KvCache::Store::begin_for(int64_t begin, int64_t length, int64_t end) const {
  if (end - begin <= rows) return begin;
  const int64_t moved = std::max(begin, needed(std::max<int64_t>(0, length - kKept)));
  return end - moved <= rows ? moved : round_up(end - rows);
}

std::byte* KvCache::Store::row(const Tensor& t, int64_t slot, int64_t token) const {
  const int64_t at = slot * rows + token - begins[static_cast<size_t>(slot)];
  return t.raw() + static_cast<size_t>(at) * row_bytes(t);
}

/// Tokens [begin, length) of a slot become its first rows.
void KvCache::Store::move(int64_t slot, int64_t begin, int64_t length) {
  int64_t& now = begins[static_cast<size_t>(slot)];
  if (begin == now) return;
  for (const Tensor& t : {keys, values}) {
    if (begin < length) {
      std::memmove(row(t, slot, now), row(t, slot, begin),
                   static_cast<size_t>(length - begin) * row_bytes(t));
    }
  }
  now = begin;
}

uint64_t KvCache::bytes(const KvShape& shape, int64_t slots, int64_t capacity) {
  std::optional<uint64_t> total = 0;
  for (size_t layer = 0; total && layer < static_cast<size_t>(shape.layers); ++layer)
    total = checked::add(*total, static_cast<uint64_t>(rows_of(shape, layer, capacity)));
  for (const int64_t factor :
       {shape.kv_heads, row_width(shape), slots, static_cast<int64_t>(bits(shape.dtype) / 8 * 2)}) {
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
  if (!shape.windows.empty() && static_cast<int64_t>(shape.windows.size()) != shape.layers) {
    fail(ErrorCode::invalid_argument, cat("KvCache: ", shape.windows.size(), " windows for ",
                                          shape.layers, " layers, expected one for each or none"));
  }
  layers_ = allocate(slots, capacity);
  lengths_.assign(static_cast<size_t>(slots), 0);
  sequences_.reserve(static_cast<size_t>(slots));
}

std::vector<KvCache::Store> KvCache::allocate(int64_t slots, int64_t capacity) const {
  const uint64_t size = bytes(shape_, slots, capacity);
  try {
    if (size > uint64_t{1} << 46) throw std::bad_alloc();
    std::vector<Store> out;
    for (size_t i = 0; i < static_cast<size_t>(shape_.layers); ++i) {
      const int64_t rows = rows_of(shape_, i, capacity);
      const Shape shape = {slots * rows, shape_.kv_heads, row_width(shape_)};
      out.push_back({.keys = Tensor::empty(shape_.dtype, shape),
                     .values = Tensor::empty(shape_.dtype, shape),
                     .window = shape_.windows.empty() ? 0 : shape_.windows[i],
                     .rows = rows,
                     .begins = std::vector<int64_t>(static_cast<size_t>(slots))});
    }
    return out;
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, cat("the cache of ", slots, " sequences of ", capacity,
                                       " tokens needs ", size, " bytes: shorten max_length"));
  }
}

void KvCache::reserve(int64_t capacity) {
  if (capacity <= capacity_) return;
  std::vector<Store> fresh = allocate(slots(), capacity);
  for (size_t layer = 0; layer < fresh.size(); ++layer) {
    const Store& old = layers_[layer];
    Store& now = fresh[layer];
    now.begins = old.begins;
    for (int64_t slot = 0; slot < slots(); ++slot) {
      const int64_t first = old.begins[static_cast<size_t>(slot)];
      const int64_t kept = std::max<int64_t>(0, length(slot) - first);
      for (const auto& [from, to] : {std::pair{&old.keys, &now.keys}, {&old.values, &now.values}}) {
        std::memcpy(now.row(*to, slot, first), old.row(*from, slot, first),
                    static_cast<size_t>(kept) * row_bytes(*to));
      }
    }
  }
  layers_.swap(fresh);
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

/// What the new tokens see, and they themselves, of one sequence behind the other.
KvCache::Layer KvCache::gather(Context& ctx, const Store& store, const Segments& segments,
                               const Tensor& k, const Tensor& v) {
  int64_t total = 0;
  for (const Segment& s : segments.sequences) {
    const int64_t needed = store.needed(s.position()), first = total;
    total += s.keys() - needed;
    sequences_.push_back({s.begin, s.end, first, total, needed});
  }
  const Shape shape = {total, shape_.kv_heads, row_width(shape_)};
  const Layer out = {ctx.arena().tensor(shape_.dtype, shape),
                     ctx.arena().tensor(shape_.dtype, shape), sequences_};
  for (const bool of_keys : {true, false}) {
    const Tensor &fresh = of_keys ? k : v, &kept = of_keys ? store.keys : store.values;
    const Tensor& to = of_keys ? out.keys : out.values;
    const size_t width = row_bytes(to);
    for (size_t i = 0; i < sequences_.size(); ++i) {
      const Segment& s = sequences_[i];
      std::byte* const at = to.raw() + static_cast<size_t>(s.key_begin) * width;
      const size_t seen = static_cast<size_t>(s.position()) * width;
      const int64_t slot = segments.sequences[i].key_begin / capacity_;
      if (seen > 0) std::memcpy(at, store.row(kept, slot, s.skipped), seen);
      copy_rows(fresh, s.begin, s.end, to, at + seen);
    }
  }
  return out;
}

bool KvCache::takes(const Tensor& x) const {
  const bool rounded = shape_.dtype == DType::i8;
  const bool type =
      rounded ? x.dtype() == DType::f32 || x.dtype() == DType::bf16 : x.dtype() == shape_.dtype;
  return type && x.dim(1) == shape_.kv_heads && x.dim(2) == shape_.head_dim;
}

KvCache::Layer KvCache::put(Context& ctx, int64_t layer, const Segments& segments, const Tensor& k,
                            const Tensor& v) {
  Store& store = layers_[static_cast<size_t>(layer)];
  for (const Tensor* x : {&k, &v}) {
    if (takes(*x)) continue;
    fail(ErrorCode::internal,
         cat("KvCache: ", to_string(x->dtype()), " ", x->shape().to_string(),
             " does not belong in ", to_string(shape_.dtype), " ", store.keys.shape().to_string()));
  }
  bool fits = true;
  for (const Segment& s : segments.sequences) {
    const int64_t begin = store.begins[static_cast<size_t>(s.key_begin / capacity_)];
    if (begin > store.needed(s.position())) {
      fail(ErrorCode::internal,
           cat("KvCache: layer ", layer, " keeps tokens from ", begin, " on, expected ",
               store.needed(s.position()), ": crop() a sequence after a step that was broken off"));
    }
    fits = fits && store.begin_for(begin, s.position(), s.keys()) <= store.needed(s.position());
  }
  sequences_.clear();
  Layer out = fits ? Layer{store.keys, store.values, {}} : gather(ctx, store, segments, k, v);
  for (const Segment& s : segments.sequences) {
    const int64_t slot = s.key_begin / capacity_, length = s.position();
    const int64_t begin =
        store.begin_for(store.begins[static_cast<size_t>(slot)], length, s.keys());
    store.move(slot, begin, length);
    const int64_t kept = std::max(length, begin), from = s.begin + kept - length;
    copy_rows(k, from, s.end, store.keys, store.row(store.keys, slot, kept));
    copy_rows(v, from, s.end, store.values, store.row(store.values, slot, kept));
    const int64_t row = slot * store.rows;
    if (fits) sequences_.push_back({s.begin, s.end, row, row + s.keys() - begin, begin});
  }
  out.sequences = sequences_;
  return out;
}

void KvCache::advance(int64_t slot, int64_t count) {
  lengths_[static_cast<size_t>(slot)] += count;
}

void KvCache::crop(int64_t slot, int64_t length) {
  const auto at = static_cast<size_t>(slot);
  int64_t& now = lengths_[at];
  now = std::clamp<int64_t>(length, 0, now);
  const bool lost = std::any_of(layers_.begin(), layers_.end(), [&](const Store& store) {
    return store.begins[at] > store.needed(now);
  });
  if (!lost) return;
  now = 0;
  for (Store& store : layers_) store.begins[at] = 0;
}

/// Of one layer. `scratch` takes the rows of the slots `kept`.
void KvCache::select(Store& store, std::span<const int64_t> sources, std::span<const int64_t> kept,
                     std::vector<std::byte>& scratch) const {
  const std::vector<int64_t> begins = store.begins;
  for (const Tensor& t : {store.keys, store.values}) {
    const size_t width = row_bytes(t), room = static_cast<size_t>(store.rows) * width;
    const auto front = [&](int64_t slot) { return t.raw() + static_cast<size_t>(slot) * room; };
    const auto used = [&](int64_t slot) {
      const int64_t begin = begins[static_cast<size_t>(slot)];
      return static_cast<size_t>(std::max<int64_t>(0, length(slot) - begin)) * width;
    };
    scratch.resize(kept.size() * room);
    for (size_t k = 0; k < kept.size(); ++k)
      std::memcpy(scratch.data() + k * room, front(kept[k]), used(kept[k]));
    for (size_t i = 0; i < sources.size(); ++i) {
      const int64_t source = sources[i];
      if (source == static_cast<int64_t>(i)) continue;
      const auto at = std::find(kept.begin(), kept.end(), source);
      const std::byte* from = at == kept.end()
                                  ? front(source)
                                  : scratch.data() + static_cast<size_t>(at - kept.begin()) * room;
      std::memcpy(front(static_cast<int64_t>(i)), from, used(source));
      store.begins[i] = begins[static_cast<size_t>(source)];
    }
  }
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
  std::vector<std::byte> scratch;
  for (Store& store : layers_) select(store, sources, kept, scratch);
  std::copy(lengths.begin(), lengths.end(), lengths_.begin());
}

}  // namespace tern
