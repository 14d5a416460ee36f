// SPDX-License-Identifier: Apache-2.0
// Sums and conversions, AVX-512: 16 lanes; the bits of generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "elementwise.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "casts_avx512.inc"
#include "convert.inc"

extern const ElementwiseTable elementwise_avx512;
const ElementwiseTable elementwise_avx512 = {
    "elementwise_avx512", Isa::avx512, add_all<float>, add_all<uint16_t>, scale,
    add_scaled,           convert,     to_f32<double>, to_f32<int8_t>,    to_f32<uint8_t>};

}  // namespace tern::kernels
