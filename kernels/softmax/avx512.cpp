// SPDX-License-Identifier: Apache-2.0
// Row softmax, AVX-512: 16 lanes.

#include <immintrin.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/avx512.inc"
#include "../simd/lanes_avx512.inc"
#include "rows.inc"

extern const SoftmaxTable softmax_avx512;
const SoftmaxTable softmax_avx512 = {"softmax_avx512", Isa::avx512, softmax};

}  // namespace tern::kernels
