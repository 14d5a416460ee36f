// SPDX-License-Identifier: Apache-2.0
// Norms, AVX2 and FMA: 8 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "channels.inc"
#include "rows.inc"

extern const NormTable norm_avx2;
const NormTable norm_avx2 = {"norm_avx2", Isa::avx2,       layer_norm,
                             rms_norm,    channel_moments, scale_channels};

}  // namespace tern::kernels
