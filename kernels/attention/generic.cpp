// SPDX-License-Identifier: Apache-2.0
// Attention by its definition in scalar C++: one query at a time, keys in blocks of kKeyBlock, each
// block reduced to (max, sum, output) and merged in ascending order. The oracle of the other
// variants; layouts and formula are in attention.h.

#include <float.h>
#include <math.h>
#include <string.h>

#include "attention.h"

namespace tern::kernels {

#include "../simd/generic.inc"

namespace {

constexpr int64_t kKeyBlock = 64;
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

/// Σ_j exp(s_j - max) · v_j over some keys, and Σ_j exp(s_j - max).
struct Partial {
  float max = -FLT_MAX;
  float sum = 0;
  float out[kMaxHeadDim] = {};
};

template <class T>
void scores_of(const AttentionArgs& x, int64_t row, int64_t first, int64_t count, float* scores) {
  const T* q = static_cast<const T*>(x.q) + row * x.q_stride;
  for (int64_t j = 0; j < count; ++j) {
    const int64_t key = first + j;
    const T* k = static_cast<const T*>(x.k) + key * x.k_stride;
    float dot = 0;
    for (int64_t d = 0; d < x.head_dim; ++d) dot += load(q + d) * load(k + d);
    float score = dot * x.scale;
    if (x.bias != nullptr) score += x.bias[row * x.bias_stride + key];
    if (x.key_mask != nullptr && x.key_mask[key] == 0) score = -FLT_MAX;
    scores[j] = score < -FLT_MAX ? -FLT_MAX : score;
  }
}

template <class T>
void reduce_block(const AttentionArgs& x, int64_t row, int64_t first, int64_t count, Partial& p) {
  float scores[kKeyBlock];
  scores_of<T>(x, row, first, count, scores);
  for (int64_t j = 0; j < count; ++j) p.max = scores[j] > p.max ? scores[j] : p.max;
  for (int64_t j = 0; j < count; ++j) {
    const float weight = expf(scores[j] - p.max);
    const T* v = static_cast<const T*>(x.v) + (first + j) * x.v_stride;
    p.sum += weight;
    for (int64_t d = 0; d < x.head_dim; ++d) p.out[d] += weight * load(v + d);
  }
}

void merge(Partial& total, const Partial& block, int64_t head_dim) {
  const float max = block.max > total.max ? block.max : total.max;
  const float keep = expf(total.max - max);
  const float add = expf(block.max - max);
  total.max = max;
  total.sum = total.sum * keep + block.sum * add;
  for (int64_t d = 0; d < head_dim; ++d) total.out[d] = total.out[d] * keep + block.out[d] * add;
}

template <class T>
void attend_row(const AttentionArgs& x, int64_t row) {
  Partial total;
  for (int64_t first = 0; first < x.keys; first += kKeyBlock) {
    const int64_t left = x.keys - first;
    Partial block;
    reduce_block<T>(x, row, first, left < kKeyBlock ? left : kKeyBlock, block);
    merge(total, block, x.head_dim);
  }
  T* out = static_cast<T*>(x.out) + row * x.out_stride;
  const float inverse = x.keys > 0 ? 1.0f / total.sum : 0.0f;
  for (int64_t d = 0; d < x.head_dim; ++d) store(out + d, total.out[d] * inverse);
}

template <class T>
void attend(const AttentionArgs& x) {
  for (int64_t row = 0; row < x.queries; ++row) attend_row<T>(x, row);
}

size_t no_scratch(int64_t) {
  return 0;
}

}  // namespace

extern const AttentionTable attention_f32_generic;
extern const AttentionTable attention_bf16_generic;

const AttentionTable attention_f32_generic = {.name = "attention_f32_generic",
                                              .isa = Isa::generic,
                                              .format = Format::f32,
                                              .query_block = 32,
                                              .scratch_bytes = no_scratch,
                                              .run = attend<float>};
const AttentionTable attention_bf16_generic = {.name = "attention_bf16_generic",
                                               .isa = Isa::generic,
                                               .format = Format::bf16,
                                               .query_block = 32,
                                               .scratch_bytes = no_scratch,
                                               .run = attend<uint16_t>};

}  // namespace tern::kernels
