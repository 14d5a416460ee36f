// SPDX-License-Identifier: Apache-2.0
// Rotary embedding, AVX-512: 16 pairs at a time.

#include <immintrin.h>
#include <stdint.h>

#include "rope.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "rotate.inc"

extern const RopeTable rope_avx512;
const RopeTable rope_avx512 = {"rope_avx512", Isa::avx512, rotate};

}  // namespace tern::kernels
