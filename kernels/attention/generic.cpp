// SPDX-License-Identifier: Apache-2.0
// Attention by its definition in scalar C++: one row at a time, keys in blocks of kKeyBlock, each
// block reduced to (max, sum, output), blocks merged to ranges and ranges to the row in ascending
// order. The oracle of the other variants; layouts and formula are in attention.h.

#include <float.h>
#include <math.h>
#include <string.h>

#include "attention.h"

namespace tern::kernels {

#include "../simd/generic.inc"

namespace {

constexpr int64_t kKeyBlock = kAttentionBlock;
constexpr int64_t kMaxHeadDim = 256;

float load(const float* p) {
  return *p;
}
float load(const uint16_t* p) {
  return bf16_to_f32(*p);
}
void store(float* p, float value) {
  *p = value;
}
void store(uint16_t* p, float value) {
  *p = f32_to_bf16(value);
}

float load(const int8_t* p) {
  return static_cast<float>(*p);
}

/// What q·k and a weight are multiplied by.
template <class U>
float row_scale(const U*, int64_t) {
  return 1;
}
float row_scale(const int8_t* row, int64_t head_dim) {
  float scale;
  memcpy(&scale, row + head_dim, sizeof scale);
  return scale;
}

/// Σ_j exp(s_j - max) · v_j over some keys, and Σ_j exp(s_j - max). No key yet: max is -inf.
struct Partial {
  float max = -INFINITY;
  float sum = 0;
  float out[kMaxHeadDim] = {};
};

/// Query i of head h and the keys [begin, end) that it sees.
struct Row {
  int64_t i, h, begin, end;
};

Row row_of(const AttentionArgs& x, int64_t row) {
  const int64_t i = row / x.heads, p = x.position + i;
  const int64_t begin = p - x.before > 0 ? p - x.before : 0;
  const int64_t end = p + x.after + 1 < x.keys ? p + x.after + 1 : x.keys;
  return {i, row % x.heads, begin, end};
}

float adjust(const AttentionArgs& x, const Row& row, int64_t key, float dot) {
  float score = dot * x.scale;
  if (x.softcap > 0) {
    const double cap = static_cast<double>(x.softcap);
    score = static_cast<float>(cap * tanh(static_cast<double>(score) / cap));
  }
  if (x.bias != nullptr) score += x.bias[row.h * x.bias_head_stride + row.i * x.bias_stride + key];
  if (x.relative != nullptr) {
    score += x.relative[row.h * x.relative_head_stride + key - (x.position + row.i)];
  }
  if (x.key_mask != nullptr && x.key_mask[key] == 0) score = -FLT_MAX;
  return score < -FLT_MAX ? -FLT_MAX : score;
}

/// Keys [begin, end), at most kKeyBlock.
template <class T, class U>
Partial reduce_block(const AttentionArgs& x, const Row& row, int64_t begin, int64_t end) {
  const T* q = static_cast<const T*>(x.q) + row.i * x.q_stride + row.h * x.q_head_stride;
  float scores[kKeyBlock];
  Partial p;
  p.max = -FLT_MAX;
  for (int64_t j = begin; j < end; ++j) {
    const U* k = static_cast<const U*>(x.k) + j * x.k_stride;
    float dot = 0;
    for (int64_t d = 0; d < x.head_dim; ++d) dot += load(q + d) * load(k + d);
    const float score = adjust(x, row, j, dot * row_scale(k, x.head_dim));
    scores[j - begin] = score;
    p.max = score > p.max ? score : p.max;
  }
  for (int64_t j = begin; j < end; ++j) {
    const float weight = expf(scores[j - begin] - p.max);
    const U* v = static_cast<const U*>(x.v) + j * x.v_stride;
    p.sum += weight;
    const float scaled = weight * row_scale(v, x.head_dim);
    for (int64_t d = 0; d < x.head_dim; ++d) p.out[d] += scaled * load(v + d);
  }
  return p;
}

void merge_into(Partial& total, const Partial& next, int64_t head_dim) {
  if (next.max == -INFINITY) return;
  if (total.max == -INFINITY) {
    total = next;
    return;
  }
  const float max = next.max > total.max ? next.max : total.max;
  const float keep = expf(total.max - max);
  const float add = expf(next.max - max);
  total.max = max;
  total.sum = total.sum * keep + next.sum * add;
  for (int64_t d = 0; d < head_dim; ++d) total.out[d] = total.out[d] * keep + next.out[d] * add;
}

template <class T, class U>
Partial reduce_range(const AttentionArgs& x, const Row& row, int64_t range) {
  Partial total;
  for (int64_t block = range * kAttentionRange; block < (range + 1) * kAttentionRange;
       block += kKeyBlock) {
    const int64_t begin = row.begin > block ? row.begin : block;
    const int64_t end = row.end < block + kKeyBlock ? row.end : block + kKeyBlock;
    if (begin < end) merge_into(total, reduce_block<T, U>(x, row, begin, end), x.head_dim);
  }
  return total;
}

template <class T>
void write(const AttentionArgs& x, const Row& row, const Partial& total) {
  T* out = static_cast<T*>(x.out) + row.i * x.out_stride + row.h * x.out_head_stride;
  const float inverse = total.max == -INFINITY ? 0.0f : 1.0f / total.sum;
  for (int64_t d = 0; d < x.head_dim; ++d) store(out + d, total.out[d] * inverse);
}

template <class T, class U>
void attend(const AttentionArgs& x) {
  for (int64_t r = 0; r < x.queries * x.heads; ++r) {
    const Row row = row_of(x, r);
    Partial total;
    for (int64_t range = row.begin / kAttentionRange; range * kAttentionRange < row.end; ++range) {
      merge_into(total, reduce_range<T, U>(x, row, range), x.head_dim);
    }
    write<T>(x, row, total);
  }
}

template <class T, class U>
void attend_range(const AttentionArgs& x, int64_t range, void* partial) {
  auto* const rows = static_cast<Partial*>(partial);
  for (int64_t r = 0; r < x.queries * x.heads; ++r) {
    rows[r] = reduce_range<T, U>(x, row_of(x, r), range);
  }
}

template <class T>
void merge(const AttentionArgs& x, int64_t ranges, const void* partials) {
  const auto* const rows = static_cast<const Partial*>(partials);
  const int64_t count = x.queries * x.heads;
  for (int64_t r = 0; r < count; ++r) {
    Partial total;
    for (int64_t i = 0; i < ranges; ++i) merge_into(total, rows[i * count + r], x.head_dim);
    write<T>(x, row_of(x, r), total);
  }
}

size_t no_scratch(int64_t) {
  return 0;
}

size_t range_bytes(int64_t rows, int64_t) {
  return static_cast<size_t>(rows) * sizeof(Partial);
}

template <class T, class U>
constexpr AttentionTable table(const char* name, Format format, KvFormat kv_format) {
  return {.name = name,
          .isa = Isa::generic,
          .format = format,
          .kv_format = kv_format,
          .row_block = 32,
          .scratch_bytes = no_scratch,
          .run = attend<T, U>,
          .range_bytes = range_bytes,
          .range_run = attend_range<T, U>,
          .merge = merge<T>};
}

}  // namespace

extern const AttentionTable attention_f32_generic;
extern const AttentionTable attention_bf16_generic;
extern const AttentionTable attention_f32_bf16_generic;
extern const AttentionTable attention_f32_int8_generic;
extern const AttentionTable attention_bf16_int8_generic;

const AttentionTable attention_f32_generic =
    table<float, float>("attention_f32_generic", Format::f32, KvFormat::f32);
const AttentionTable attention_bf16_generic =
    table<uint16_t, uint16_t>("attention_bf16_generic", Format::bf16, KvFormat::bf16);
const AttentionTable attention_f32_bf16_generic =
    table<float, uint16_t>("attention_f32_bf16_generic", Format::f32, KvFormat::bf16);
const AttentionTable attention_f32_int8_generic =
    table<float, int8_t>("attention_f32_int8_generic", Format::f32, KvFormat::int8);
const AttentionTable attention_bf16_int8_generic =
    table<uint16_t, int8_t>("attention_bf16_int8_generic", Format::bf16, KvFormat::int8);

}  // namespace tern::kernels
