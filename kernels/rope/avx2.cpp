// SPDX-License-Identifier: Apache-2.0
// Rotary embedding, AVX2: 8 pairs at a time.

#include <immintrin.h>
#include <stdint.h>

#include "rope.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "rotate.inc"

extern const RopeTable rope_avx2;
const RopeTable rope_avx2 = {"rope_avx2", Isa::avx2, rotate};

}  // namespace tern::kernels
