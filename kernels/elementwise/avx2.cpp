// SPDX-License-Identifier: Apache-2.0
// Sums and conversions, AVX2 and F16C: 8 lanes; the bits of generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "elementwise.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "casts_avx2.inc"
#include "convert.inc"

extern const ElementwiseTable elementwise_avx2;
const ElementwiseTable elementwise_avx2 = {
    "elementwise_avx2", Isa::avx2, add_all<float>, add_all<uint16_t>, scale,
    add_scaled,         convert,   to_f32<double>, to_f32<int8_t>,    to_f32<uint8_t>};

}  // namespace tern::kernels
