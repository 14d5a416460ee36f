// SPDX-License-Identifier: Apache-2.0
// gemm_int8 by vpdpbusd: four u8 · s8 products of a column are added to an int32 without
// saturation.
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

const GemmInt8Table gemm_int8_avx512_vnni =
    table_avx512<DotVnni>("gemm_int8_avx512_vnni", Isa::avx512_vnni);

}  // namespace tern::kernels
