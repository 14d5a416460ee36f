// SPDX-License-Identifier: Apache-2.0
// kernels/simd/avx512.inc behind the table of simd.h.

#include <immintrin.h>
#include <stdint.h>

#include "simd.h"

namespace tern::kernels {
#include "../../kernels/simd/avx512.inc"
}  // namespace tern::kernels

namespace tern::test {

static void exp_all(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) {
    _mm512_storeu_ps(y + i, kernels::exp_ps(_mm512_loadu_ps(x + i)));
  }
}

static void erf_all(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) {
    _mm512_storeu_ps(y + i, kernels::erf_ps(_mm512_loadu_ps(x + i)));
  }
}

static float add_lanes(const float* x) {
  return kernels::reduce_add(_mm512_loadu_ps(x));
}

static float max_lanes(const float* x) {
  return kernels::reduce_max(_mm512_loadu_ps(x));
}

static uint32_t mask_bits(int64_t n) {
  return kernels::tail_mask(n);
}

const SimdFunctions simd_avx512 = {
    "simd_avx512", kernels::Isa::avx512, 16, exp_all, erf_all, add_lanes, max_lanes, mask_bits};

}  // namespace tern::test
