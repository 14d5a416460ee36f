// SPDX-License-Identifier: Apache-2.0
// pool2d for AVX2: 32 channels of a window at a time, then 8.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"

namespace {

// max gives acc when either is NaN or both are zero.
inline Vec larger_or_nan(Vec acc, Vec x) {
  return _mm256_blendv_ps(_mm256_max_ps(x, acc), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
inline Vec divide(Vec a, Vec b) {
  return _mm256_div_ps(a, b);
}

}  // namespace

#include "reduce.inc"

const Pool2dTable pool2d_avx2 = {"pool2d_avx2", Isa::avx2, run};

}  // namespace tern::kernels
