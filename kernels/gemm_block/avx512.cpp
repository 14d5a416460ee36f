// SPDX-License-Identifier: Apache-2.0
// gemm_block for AVX-512: a16, and a8 for CPUs without AVX512_VNNI.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm_block.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, activation) extern const GemmBlockTable symbol;
#include "gemm_block.inc"
#undef TERN_VARIANT

#include "avx512.inc"

const GemmBlockTable gemm_block_a8_avx512 = {"gemm_block_a8_avx512",
                                             Isa::avx512,
                                             BlockActivation::a8,
                                             kPanel,
                                             kRowsA8,
                                             block_packed_bytes,
                                             pack_blocks,
                                             prepared_row_bytes<GroupA8>,
                                             quantize_rows_avx512<GroupA8>,
                                             run_panels<Kernel<ArithmeticA8<DotMadd>>>};

const GemmBlockTable gemm_block_a16_avx512 = {"gemm_block_a16_avx512",
                                              Isa::avx512,
                                              BlockActivation::a16,
                                              kPanel,
                                              kRowsA16,
                                              block_packed_bytes,
                                              pack_blocks,
                                              prepared_row_bytes<GroupA16>,
                                              quantize_rows_avx512<GroupA16>,
                                              run_panels<Kernel<ArithmeticA16>>};

}  // namespace tern::kernels
