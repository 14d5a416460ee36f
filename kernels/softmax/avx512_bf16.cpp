// SPDX-License-Identifier: Apache-2.0
// Row softmax, AVX-512: 16 lanes, rounding to bf16 by the instruction; the bits of avx512.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "rows.inc"

extern const SoftmaxTable softmax_avx512_bf16;
const SoftmaxTable softmax_avx512_bf16 = {"softmax_avx512_bf16", Isa::avx512_bf16, softmax};

}  // namespace tern::kernels
