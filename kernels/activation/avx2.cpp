// SPDX-License-Identifier: Apache-2.0
// Activations, AVX2 and FMA: 8 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "activation.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "apply.inc"

extern const ActivationTable activation_avx2;
const ActivationTable activation_avx2 = {"activation_avx2", Isa::avx2, activate<float, float>,
                                         activate<float, uint16_t>, activate<uint16_t, uint16_t>};

}  // namespace tern::kernels
