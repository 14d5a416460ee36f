// SPDX-License-Identifier: Apache-2.0
// layer_norm, AVX-512: three passes over a row that lies in L1 (sum, centred squares, result).
// Column j is added to lane j mod 64 of four vectors, which are then added as (0 + 1) + (2 + 3) and
// reduced by the tree of simd/avx512.inc: an order that depends on cols alone.

#include <immintrin.h>
#include <stdint.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

static inline float sum_of_row(const float* x, int64_t cols) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  int64_t j = 0;
  for (; j + 64 <= cols; j += 64) {
    s0 = _mm512_add_ps(s0, _mm512_loadu_ps(x + j));
    s1 = _mm512_add_ps(s1, _mm512_loadu_ps(x + j + 16));
    s2 = _mm512_add_ps(s2, _mm512_loadu_ps(x + j + 32));
    s3 = _mm512_add_ps(s3, _mm512_loadu_ps(x + j + 48));
  }
  for (; j < cols; j += 16) {
    s0 = _mm512_add_ps(s0, _mm512_maskz_loadu_ps(tail_mask(cols - j), x + j));
  }
  return reduce_add(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

static inline float centred_squares(const float* x, int64_t cols, float mean) {
  const __m512 m = _mm512_set1_ps(mean);
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  int64_t j = 0;
  for (; j + 64 <= cols; j += 64) {
    const __m512 d0 = _mm512_sub_ps(_mm512_loadu_ps(x + j), m);
    const __m512 d1 = _mm512_sub_ps(_mm512_loadu_ps(x + j + 16), m);
    const __m512 d2 = _mm512_sub_ps(_mm512_loadu_ps(x + j + 32), m);
    const __m512 d3 = _mm512_sub_ps(_mm512_loadu_ps(x + j + 48), m);
    s0 = _mm512_fmadd_ps(d0, d0, s0);
    s1 = _mm512_fmadd_ps(d1, d1, s1);
    s2 = _mm512_fmadd_ps(d2, d2, s2);
    s3 = _mm512_fmadd_ps(d3, d3, s3);
  }
  for (; j < cols; j += 16) {
    const __mmask16 k = tail_mask(cols - j);
    const __m512 d = _mm512_maskz_sub_ps(k, _mm512_maskz_loadu_ps(k, x + j), m);
    s0 = _mm512_fmadd_ps(d, d, s0);
  }
  return reduce_add(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

namespace {
/// What the last pass needs to know of a row.
struct Row {
  const float* x;
  const float *weight, *bias;  // of the args
  float* y;
  uint16_t* y_bf16;
  __m512 mean, reciprocal;
};
}  // namespace

/// Columns j … j + 15, those of mask k.
template <bool kWeight, bool kBias>
static inline void finish(const Row& row, int64_t j, __mmask16 k) {
  __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(k, row.x + j), row.mean);
  v = _mm512_mul_ps(v, row.reciprocal);
  const __m512 bias = kBias ? _mm512_maskz_loadu_ps(k, row.bias + j) : _mm512_setzero_ps();
  if constexpr (kWeight) {
    v = _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(k, row.weight + j), bias);
  } else {
    v = _mm512_add_ps(v, bias);
  }
  _mm512_mask_storeu_ps(row.y + j, k, v);
  if (row.y_bf16 != nullptr) _mm256_mask_storeu_epi16(row.y_bf16 + j, k, f32_to_bf16(v));
}

template <bool kWeight, bool kBias>
static inline void finish_row(const Row& row, int64_t cols) {
  const __mmask16 all = 0xffff;
  int64_t j = 0;
  for (; j + 16 <= cols; j += 16) finish<kWeight, kBias>(row, j, all);
  if (j < cols) finish<kWeight, kBias>(row, j, tail_mask(cols - j));
}

static inline void norm_row(const LayerNormArgs& a, const float* x, float* y, uint16_t* y_bf16) {
  const float count = static_cast<float>(a.cols);
  const float mean = sum_of_row(x, a.cols) / count;
  const float variance = centred_squares(x, a.cols, mean) / count;
  const __m128 deviation = _mm_sqrt_ss(_mm_set_ss(variance + a.eps));
  const __m512 reciprocal = _mm512_set1_ps(1.0f / _mm_cvtss_f32(deviation));
  const Row row = {x, a.weight, a.bias, y, y_bf16, _mm512_set1_ps(mean), reciprocal};
  if (a.weight != nullptr) {
    if (a.bias != nullptr) return finish_row<true, true>(row, a.cols);
    return finish_row<true, false>(row, a.cols);
  }
  if (a.bias != nullptr) return finish_row<false, true>(row, a.cols);
  finish_row<false, false>(row, a.cols);
}

static void layer_norm(const LayerNormArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    uint16_t* y_bf16 = a.y_bf16 != nullptr ? a.y_bf16 + i * a.y_stride : nullptr;
    norm_row(a, a.x + i * a.x_stride, a.y + i * a.y_stride, y_bf16);
  }
}

extern const NormTable norm_avx512;
const NormTable norm_avx512 = {"norm_avx512", Isa::avx512, layer_norm};

}  // namespace tern::kernels
