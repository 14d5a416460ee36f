// SPDX-License-Identifier: Apache-2.0
// Row softmax, AVX2 and FMA: 8 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/avx2.inc"
#include "../simd/lanes_avx2.inc"
#include "rows.inc"

extern const SoftmaxTable softmax_avx2;
const SoftmaxTable softmax_avx2 = {"softmax_avx2", Isa::avx2, softmax};

}  // namespace tern::kernels
