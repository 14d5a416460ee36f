// SPDX-License-Identifier: Apache-2.0
// Norms, AVX-512: 16 lanes, rounding to bf16 by the instruction; the bits of avx512.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "channels.inc"
#include "rows.inc"

extern const NormTable norm_avx512_bf16;
const NormTable norm_avx512_bf16 = {"norm_avx512_bf16", Isa::avx512_bf16, layer_norm,
                                    rms_norm,           channel_moments,  scale_channels};

}  // namespace tern::kernels
