// SPDX-License-Identifier: Apache-2.0
// Activations, AVX-512: 16 lanes, rounding to bf16 by the instruction; the bits of avx512.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "activation.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "apply.inc"

extern const ActivationTable activation_avx512_bf16;
const ActivationTable activation_avx512_bf16 = {"activation_avx512_bf16", Isa::avx512_bf16,
                                                activate<float, float>, activate<float, uint16_t>,
                                                activate<uint16_t, uint16_t>};

}  // namespace tern::kernels
