// SPDX-License-Identifier: Apache-2.0
// gemm_int8 as in avx512_vnni.cpp, for CPUs that also round to bf16 in one instruction instead of
// six or more.
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

const GemmInt8Table gemm_int8_avx512_bf16 =
    table_avx512<DotVnni>("gemm_int8_avx512_bf16", Isa::avx512_bf16);

}  // namespace tern::kernels
