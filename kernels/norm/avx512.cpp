// SPDX-License-Identifier: Apache-2.0
// Norms, AVX-512: 16 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "channels.inc"
#include "rows.inc"

extern const NormTable norm_avx512;
const NormTable norm_avx512 = {"norm_avx512", Isa::avx512,     layer_norm,
                               rms_norm,      channel_moments, scale_channels};

}  // namespace tern::kernels
