// SPDX-License-Identifier: Apache-2.0
// Row softmax, AVX2: maximum; exponentials into y and their sum; y times 1 / sum.
// Column j is added to lane j mod 16 of two vectors, which are then added and reduced by the tree
// of simd/avx2.inc: an order that depends on cols alone.

#include <immintrin.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

/// The first n lanes of v, and `other` in the rest.
static inline __m256 select_first(__m256 v, __m256 other, int64_t n) {
  return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(tail_mask(n)));
}

static inline float max_of_row(const float* x, int64_t cols) {
  const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
  __m256 m0 = lowest, m1 = lowest;
  int64_t j = 0;
  for (; j + 16 <= cols; j += 16) {
    m0 = _mm256_max_ps(m0, _mm256_loadu_ps(x + j));
    m1 = _mm256_max_ps(m1, _mm256_loadu_ps(x + j + 8));
  }
  for (; j < cols; j += 8) {
    const int64_t left = cols - j;
    m0 = _mm256_max_ps(m0, select_first(load_some(x + j, left), lowest, left));
  }
  return reduce_max(_mm256_max_ps(m0, m1));
}

/// y = exp(x - max); returns the sum. A NaN in x, which max_of_row may lose, makes the sum NaN.
static inline float exponentials(const float* x, float* y, int64_t cols, float max) {
  const __m256 m = _mm256_set1_ps(max);
  __m256 s0 = _mm256_setzero_ps(), s1 = s0;
  int64_t j = 0;
  for (; j + 16 <= cols; j += 16) {
    const __m256 e0 = exp_ps(_mm256_sub_ps(_mm256_loadu_ps(x + j), m));
    const __m256 e1 = exp_ps(_mm256_sub_ps(_mm256_loadu_ps(x + j + 8), m));
    _mm256_storeu_ps(y + j, e0);
    _mm256_storeu_ps(y + j + 8, e1);
    s0 = _mm256_add_ps(s0, e0);
    s1 = _mm256_add_ps(s1, e1);
  }
  for (; j < cols; j += 8) {
    const int64_t left = cols - j;
    const __m256 e = exp_ps(_mm256_sub_ps(load_some(x + j, left), m));
    store_some(y + j, e, left);
    s0 = _mm256_add_ps(s0, select_first(e, _mm256_setzero_ps(), left));
  }
  return reduce_add(_mm256_add_ps(s0, s1));
}

static inline void scale_row(float* y, int64_t cols, float factor) {
  const __m256 f = _mm256_set1_ps(factor);
  for (int64_t j = 0; j < cols; j += 8) {
    store_some(y + j, _mm256_mul_ps(f, load_some(y + j, cols - j)), cols - j);
  }
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

extern const SoftmaxTable softmax_avx2;
const SoftmaxTable softmax_avx2 = {"softmax_avx2", Isa::avx2, softmax};

}  // namespace tern::kernels
