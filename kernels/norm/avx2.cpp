// SPDX-License-Identifier: Apache-2.0
// layer_norm, AVX2: three passes over a row that lies in L1 (sum, centred squares, result).
// Column j is added to lane j mod 32 of four vectors, which are then added as (0 + 1) + (2 + 3) and
// reduced by the tree of simd/avx2.inc: an order that depends on cols alone.

#include <immintrin.h>
#include <stdint.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

static inline float sum_of_row(const float* x, int64_t cols) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) {
    s0 = _mm256_add_ps(s0, _mm256_loadu_ps(x + j));
    s1 = _mm256_add_ps(s1, _mm256_loadu_ps(x + j + 8));
    s2 = _mm256_add_ps(s2, _mm256_loadu_ps(x + j + 16));
    s3 = _mm256_add_ps(s3, _mm256_loadu_ps(x + j + 24));
  }
  for (; j < cols; j += 8) {
    s0 = _mm256_add_ps(s0, _mm256_maskload_ps(x + j, tail_mask(cols - j)));
  }
  return reduce_add(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

static inline float centred_squares(const float* x, int64_t cols, float mean) {
  const __m256 m = _mm256_set1_ps(mean);
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) {
    const __m256 d0 = _mm256_sub_ps(_mm256_loadu_ps(x + j), m);
    const __m256 d1 = _mm256_sub_ps(_mm256_loadu_ps(x + j + 8), m);
    const __m256 d2 = _mm256_sub_ps(_mm256_loadu_ps(x + j + 16), m);
    const __m256 d3 = _mm256_sub_ps(_mm256_loadu_ps(x + j + 24), m);
    s0 = _mm256_fmadd_ps(d0, d0, s0);
    s1 = _mm256_fmadd_ps(d1, d1, s1);
    s2 = _mm256_fmadd_ps(d2, d2, s2);
    s3 = _mm256_fmadd_ps(d3, d3, s3);
  }
  for (; j < cols; j += 8) {
    const __m256i k = tail_mask(cols - j);
    const __m256 centred = _mm256_sub_ps(_mm256_maskload_ps(x + j, k), m);
    const __m256 d = _mm256_and_ps(_mm256_castsi256_ps(k), centred);
    s0 = _mm256_fmadd_ps(d, d, s0);
  }
  return reduce_add(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

namespace {
/// What the last pass needs to know of a row.
struct Row {
  const float* x;
  const float *weight, *bias;  // of the args
  float* y;
  uint16_t* y_bf16;
  __m256 mean, reciprocal;
};
}  // namespace

/// Columns j … j + 7, or fewer when fewer are left.
template <bool kWeight, bool kBias>
static inline void finish(const Row& row, int64_t j, int64_t left) {
  const __m256 centred = _mm256_sub_ps(load_some(row.x + j, left), row.mean);
  __m256 v = _mm256_mul_ps(centred, row.reciprocal);
  const __m256 bias = kBias ? load_some(row.bias + j, left) : _mm256_setzero_ps();
  if constexpr (kWeight) {
    v = _mm256_fmadd_ps(v, load_some(row.weight + j, left), bias);
  } else {
    v = _mm256_add_ps(v, bias);
  }
  store_some(row.y + j, v, left);
  if (row.y_bf16 != nullptr) store_some(row.y_bf16 + j, f32_to_bf16(v), left);
}

template <bool kWeight, bool kBias>
static inline void finish_row(const Row& row, int64_t cols) {
  int64_t j = 0;
  for (; j + 8 <= cols; j += 8) finish<kWeight, kBias>(row, j, 8);
  if (j < cols) finish<kWeight, kBias>(row, j, cols - j);
}

static inline void norm_row(const LayerNormArgs& a, const float* x, float* y, uint16_t* y_bf16) {
  const float count = static_cast<float>(a.cols);
  const float mean = sum_of_row(x, a.cols) / count;
  const float variance = centred_squares(x, a.cols, mean) / count;
  const __m128 deviation = _mm_sqrt_ss(_mm_set_ss(variance + a.eps));
  const __m256 reciprocal = _mm256_set1_ps(1.0f / _mm_cvtss_f32(deviation));
  const Row row = {x, a.weight, a.bias, y, y_bf16, _mm256_set1_ps(mean), reciprocal};
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

extern const NormTable norm_avx2;
const NormTable norm_avx2 = {"norm_avx2", Isa::avx2, layer_norm};

}  // namespace tern::kernels
