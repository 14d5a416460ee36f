// SPDX-License-Identifier: Apache-2.0
// gemm_block a8 by vpdpbusd: four u8 · s8 products of a column are added to an int32 without
// saturation.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm_block.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, activation) extern const GemmBlockTable symbol;
#include "gemm_block.inc"
#undef TERN_VARIANT

#include "avx512.inc"
// Needs the vectors of the former.
#include "dot_vnni.inc"

const GemmBlockTable gemm_block_a8_avx512_vnni = {"gemm_block_a8_avx512_vnni",
                                                  Isa::avx512_vnni,
                                                  BlockActivation::a8,
                                                  kPanel,
                                                  kRowsA8,
                                                  block_packed_bytes,
                                                  pack_blocks,
                                                  prepared_row_bytes<GroupA8>,
                                                  quantize_rows_avx512<GroupA8>,
                                                  run_panels<Kernel<ArithmeticA8<DotVnni>>>};

}  // namespace tern::kernels
