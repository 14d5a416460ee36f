// SPDX-License-Identifier: Apache-2.0
// Pooling, AVX2: a strip of 32 columns stays in four accumulators while the rows pass by in
// ascending order, then strips of 8. Products are rounded before they are added, so that
// weighted_sum, max and scale have the bits of generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "pool.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

/// kVectors · 8 columns of weighted_sum; the last vector may be partial: `left` columns in all.
template <unsigned kVectors>
static inline void sum_strip(const float* x, int64_t x_stride, const float* weights, int64_t rows,
                             int64_t left, float* y) {
  __m256 sum[kVectors] = {};
  for (int64_t i = 0; i < rows; ++i) {
    const __m256 w = _mm256_set1_ps(weights != nullptr ? weights[i] : 1.0f);
    const float* row = x + i * x_stride;
#pragma GCC unroll 4
    for (unsigned v = 0; v < kVectors; ++v) {
      const __m256 product = _mm256_mul_ps(w, load_some(row + 8 * v, left - 8 * v));
      sum[v] = _mm256_add_ps(sum[v], product);
    }
  }
  for (unsigned v = 0; v < kVectors; ++v) store_some(y + 8 * v, sum[v], left - 8 * v);
}

static void weighted_sum(const float* x, int64_t x_stride, const float* weights, int64_t rows,
                         int64_t cols, float* y) {
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) sum_strip<4>(x + j, x_stride, weights, rows, 32, y + j);
  for (; j < cols; j += 8) sum_strip<1>(x + j, x_stride, weights, rows, cols - j, y + j);
}

/// The larger one; NaN when either is.
static inline __m256 max_or_nan(__m256 best, __m256 value) {
  const __m256 larger = _mm256_max_ps(value, best);  // returns best when one is NaN
  return _mm256_blendv_ps(larger, value, _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
}

/// kVectors · 8 columns of max over the rows first … rows - 1.
template <unsigned kVectors>
static inline void max_strip(const float* x, int64_t x_stride, const uint8_t* mask, int64_t first,
                             int64_t rows, int64_t left, float* y) {
  __m256 best[kVectors];
  for (__m256& b : best) b = _mm256_set1_ps(first >= rows ? -1e9f : -__builtin_inff());
  for (int64_t i = first; i < rows; ++i) {
    if (mask != nullptr && mask[i] == 0) continue;
    const float* row = x + i * x_stride;
#pragma GCC unroll 4
    for (unsigned v = 0; v < kVectors; ++v) {
      best[v] = max_or_nan(best[v], load_some(row + 8 * v, left - 8 * v));
    }
  }
  for (unsigned v = 0; v < kVectors; ++v) store_some(y + 8 * v, best[v], left - 8 * v);
}

static void max(const float* x, int64_t x_stride, const uint8_t* mask, int64_t rows, int64_t cols,
                float* y) {
  int64_t first = 0;
  while (mask != nullptr && first < rows && mask[first] == 0) ++first;
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) max_strip<4>(x + j, x_stride, mask, first, rows, 32, y + j);
  for (; j < cols; j += 8) max_strip<1>(x + j, x_stride, mask, first, rows, cols - j, y + j);
}

static void scale(const float* x, float factor, float* y, int64_t n) {
  const __m256 f = _mm256_set1_ps(factor);
  for (int64_t i = 0; i < n; i += 8) {
    store_some(y + i, _mm256_mul_ps(load_some(x + i, n - i), f), n - i);
  }
}

/// Element i is squared into lane i mod 16 of two vectors: an order that depends on n alone.
static void normalize(const float* x, float eps, float* y, int64_t n) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0;
  for (int64_t i = 0; i < n; i += 16) {
    const __m256 a = load_some(x + i, n - i);
    s0 = _mm256_fmadd_ps(a, a, s0);
    if (n - i <= 8) break;
    const __m256 b = load_some(x + i + 8, n - i - 8);
    s1 = _mm256_fmadd_ps(b, b, s1);
  }
  const float squares = reduce_add(_mm256_add_ps(s0, s1));
  const float norm = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(squares)));
  const __m256 divisor = _mm256_set1_ps(norm < eps ? eps : norm);
  for (int64_t i = 0; i < n; i += 8) {
    store_some(y + i, _mm256_div_ps(load_some(x + i, n - i), divisor), n - i);
  }
}

extern const PoolTable pool_avx2;
const PoolTable pool_avx2 = {"pool_avx2", Isa::avx2, weighted_sum, max, scale, normalize};

}  // namespace tern::kernels
