// SPDX-License-Identifier: Apache-2.0
// argmax and the scan of top-k, AVX-512: 16 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "topk.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "rank.inc"
#include "search.inc"

extern const TopkTable topk_avx512;
const TopkTable topk_avx512 = {"topk_avx512", Isa::avx512, argmax, scan};

}  // namespace tern::kernels
