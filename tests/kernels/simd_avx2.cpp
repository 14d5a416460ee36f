// SPDX-License-Identifier: Apache-2.0
// kernels/simd/avx2.inc behind the table of simd.h.

#include <immintrin.h>
#include <stdint.h>

#include "simd.h"

namespace tern::kernels {
#include "../../kernels/simd/avx2.inc"
}  // namespace tern::kernels

namespace tern::test {

static void exp_all(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) {
    _mm256_storeu_ps(y + i, kernels::exp_ps(_mm256_loadu_ps(x + i)));
  }
}

static void erf_all(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) {
    _mm256_storeu_ps(y + i, kernels::erf_ps(_mm256_loadu_ps(x + i)));
  }
}

static float add_lanes(const float* x) {
  return kernels::reduce_add(_mm256_loadu_ps(x));
}

static float max_lanes(const float* x) {
  return kernels::reduce_max(_mm256_loadu_ps(x));
}

static uint32_t mask_bits(int64_t n) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(kernels::tail_mask(n))));
}

const SimdFunctions simd_avx2 = {"simd_avx2", kernels::Isa::avx2, 8,         exp_all,
                                 erf_all,     add_lanes,          max_lanes, mask_bits};

}  // namespace tern::test
