// SPDX-License-Identifier: Apache-2.0
// Row softmax, AVX-512: maximum; exponentials into y and their sum; y times 1 / sum.
// Column j is added to lane j mod 32 of two vectors, which are then added and reduced by the tree
// of simd/avx512.inc: an order that depends on cols alone.

#include <immintrin.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

static inline float max_of_row(const float* x, int64_t cols) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 m0 = lowest, m1 = lowest;
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) {
    m0 = _mm512_max_ps(m0, _mm512_loadu_ps(x + j));
    m1 = _mm512_max_ps(m1, _mm512_loadu_ps(x + j + 16));
  }
  for (; j < cols; j += 16) {
    m0 = _mm512_max_ps(m0, _mm512_mask_loadu_ps(lowest, tail_mask(cols - j), x + j));
  }
  return reduce_max(_mm512_max_ps(m0, m1));
}

/// y = exp(x - max); returns the sum. A NaN in x, which max_of_row may lose, makes the sum NaN.
static inline float exponentials(const float* x, float* y, int64_t cols, float max) {
  const __m512 m = _mm512_set1_ps(max);
  __m512 s0 = _mm512_setzero_ps(), s1 = s0;
  int64_t j = 0;
  for (; j + 32 <= cols; j += 32) {
    const __m512 e0 = exp_ps(_mm512_sub_ps(_mm512_loadu_ps(x + j), m));
    const __m512 e1 = exp_ps(_mm512_sub_ps(_mm512_loadu_ps(x + j + 16), m));
    _mm512_storeu_ps(y + j, e0);
    _mm512_storeu_ps(y + j + 16, e1);
    s0 = _mm512_add_ps(s0, e0);
    s1 = _mm512_add_ps(s1, e1);
  }
  for (; j < cols; j += 16) {
    const __mmask16 k = tail_mask(cols - j);
    const __m512 e = exp_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(k, x + j), m));
    _mm512_mask_storeu_ps(y + j, k, e);
    s0 = _mm512_mask_add_ps(s0, k, s0, e);
  }
  return reduce_add(_mm512_add_ps(s0, s1));
}

static inline void scale_row(float* y, int64_t cols, float factor) {
  const __m512 f = _mm512_set1_ps(factor);
  int64_t j = 0;
  for (; j + 16 <= cols; j += 16) {
    _mm512_storeu_ps(y + j, _mm512_mul_ps(f, _mm512_loadu_ps(y + j)));
  }
  const __mmask16 k = tail_mask(cols - j);
  _mm512_mask_storeu_ps(y + j, k, _mm512_mul_ps(f, _mm512_maskz_loadu_ps(k, y + j)));
}

static void softmax(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                    int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* from = x + i * x_stride;
    float* to = y + i * y_stride;
    const float sum = exponentials(from, to, cols, max_of_row(from, cols));
    scale_row(to, cols, 1.0f / sum);
  }
}

extern const SoftmaxTable softmax_avx512;
const SoftmaxTable softmax_avx512 = {"softmax_avx512", Isa::avx512, softmax};

}  // namespace tern::kernels
