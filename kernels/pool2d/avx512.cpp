// SPDX-License-Identifier: Apache-2.0
// pool2d for AVX-512: 64 channels of a window at a time, then 16.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"

namespace {

// max gives acc when either is NaN or both are zero.
inline Vec larger_or_nan(Vec acc, Vec x) {
  return _mm512_mask_mov_ps(_mm512_max_ps(x, acc), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
inline Vec divide(Vec a, Vec b) {
  return _mm512_div_ps(a, b);
}

}  // namespace

#include "reduce.inc"

const Pool2dTable pool2d_avx512 = {"pool2d_avx512", Isa::avx512, run};

}  // namespace tern::kernels
