// SPDX-License-Identifier: Apache-2.0
// Pooling, AVX-512: a strip of 64 columns stays in four accumulators while the rows pass by in
// ascending order. Products are rounded before they are added, so that weighted_sum, max and scale
// have the bits of generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "pool.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

/// Masks of the four vectors of a strip with `left` columns to go.
struct Strip {
  __mmask16 k[4];
};

static inline Strip strip_of(int64_t left) {
  return {{tail_mask(left), tail_mask(left - 16), tail_mask(left - 32), tail_mask(left - 48)}};
}

static void weighted_sum(const float* x, int64_t x_stride, const float* weights, int64_t rows,
                         int64_t cols, float* y) {
  for (int64_t j = 0; j < cols; j += 64) {
    const Strip s = strip_of(cols - j);
    __m512 sum[4] = {};
    for (int64_t i = 0; i < rows; ++i) {
      const __m512 w = _mm512_set1_ps(weights != nullptr ? weights[i] : 1.0f);
      const float* row = x + i * x_stride + j;
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const __m512 product = _mm512_mul_ps(w, _mm512_maskz_loadu_ps(s.k[v], row + 16 * v));
        sum[v] = _mm512_add_ps(sum[v], product);
      }
    }
    for (int v = 0; v < 4; ++v) _mm512_mask_storeu_ps(y + j + 16 * v, s.k[v], sum[v]);
  }
}

/// The larger one; NaN when either is.
static inline __m512 max_or_nan(__m512 best, __m512 value) {
  const __m512 larger = _mm512_max_ps(value, best);  // returns best when one is NaN
  const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
  return _mm512_mask_mov_ps(larger, nan, value);
}

static void max(const float* x, int64_t x_stride, const uint8_t* mask, int64_t rows, int64_t cols,
                float* y) {
  int64_t first = 0;
  while (mask != nullptr && first < rows && mask[first] == 0) ++first;
  for (int64_t j = 0; j < cols; j += 64) {
    const Strip s = strip_of(cols - j);
    const bool empty = first >= rows;
    __m512 best[4];
    for (int v = 0; v < 4; ++v) {
      best[v] = _mm512_set1_ps(empty ? -1e9f : -__builtin_inff());
    }
    for (int64_t i = first; i < rows; ++i) {
      if (mask != nullptr && mask[i] == 0) continue;
      const float* row = x + i * x_stride + j;
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        best[v] = max_or_nan(best[v], _mm512_maskz_loadu_ps(s.k[v], row + 16 * v));
      }
    }
    for (int v = 0; v < 4; ++v) _mm512_mask_storeu_ps(y + j + 16 * v, s.k[v], best[v]);
  }
}

static void scale(const float* x, float factor, float* y, int64_t n) {
  const __m512 f = _mm512_set1_ps(factor);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), f));
  }
  const __mmask16 k = tail_mask(n - i);
  _mm512_mask_storeu_ps(y + i, k, _mm512_mul_ps(_mm512_maskz_loadu_ps(k, x + i), f));
}

/// Element i is squared into lane i mod 64 of four vectors: an order that depends on n alone.
static inline float sum_of_squares(const float* x, int64_t n) {
  __m512 sum[4] = {};
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const __m512 a = _mm512_loadu_ps(x + i + 16 * v);
      sum[v] = _mm512_fmadd_ps(a, a, sum[v]);
    }
  }
  for (; i < n; i += 16) {
    const __m512 a = _mm512_maskz_loadu_ps(tail_mask(n - i), x + i);
    sum[0] = _mm512_fmadd_ps(a, a, sum[0]);
  }
  return reduce_add(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

static void normalize(const float* x, float eps, float* y, int64_t n) {
  const float norm = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(sum_of_squares(x, n))));
  const __m512 divisor = _mm512_set1_ps(norm < eps ? eps : norm);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_div_ps(_mm512_loadu_ps(x + i), divisor));
  }
  const __mmask16 k = tail_mask(n - i);
  _mm512_mask_storeu_ps(y + i, k, _mm512_div_ps(_mm512_maskz_loadu_ps(k, x + i), divisor));
}

extern const PoolTable pool_avx512;
const PoolTable pool_avx512 = {"pool_avx512", Isa::avx512, weighted_sum, max, scale, normalize};

}  // namespace tern::kernels
