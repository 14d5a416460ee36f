// SPDX-License-Identifier: Apache-2.0
// argmax and the scan of top-k, AVX2: 8 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "topk.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "rank.inc"
#include "search.inc"

extern const TopkTable topk_avx2;
const TopkTable topk_avx2 = {"topk_avx2", Isa::avx2, argmax, scan};

}  // namespace tern::kernels
