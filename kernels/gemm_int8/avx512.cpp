// SPDX-License-Identifier: Apache-2.0
// gemm_int8 for AVX-512 without VNNI: products of 16-bit numbers, even and odd k apart.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../cache.h"
#include "gemm_int8.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const GemmInt8Table symbol;
#include "gemm_int8.inc"
#undef TERN_VARIANT

#include "avx512.inc"

const GemmInt8Table gemm_int8_avx512 = table_avx512<DotMadd>("gemm_int8_avx512", Isa::avx512);

}  // namespace tern::kernels
