// SPDX-License-Identifier: Apache-2.0
// gemm_block for AVX2: a8 by vpmaddubsw, and a16.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm_block.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, activation) extern const GemmBlockTable symbol;
#include "gemm_block.inc"
#undef TERN_VARIANT

// Each after what it needs.
// clang-format off
#include "../simd/avx2.inc"
#include "../simd/generic.inc"
#include "../gemm/convert.inc"
#include "../gemm/part.inc"
#include "../gemm/epilogue_avx2.inc"
#include "panel.inc"
#include "rows.inc"
#include "run.inc"
#include "vectors_avx2.inc"
#include "codecs.inc"
#include "rows_avx2.inc"
#include "tile.inc"
#include "a8.inc"
#include "a16.inc"
// clang-format on

const GemmBlockTable gemm_block_a8_avx2 = {"gemm_block_a8_avx2",
                                           Isa::avx2,
                                           BlockActivation::a8,
                                           kPanel,
                                           kRowsA8,
                                           block_packed_bytes,
                                           pack_blocks,
                                           prepared_row_bytes<GroupA8>,
                                           quantize_rows_avx2<GroupA8>,
                                           run_panels<Kernel<ArithmeticA8<DotMadd>>>};

const GemmBlockTable gemm_block_a16_avx2 = {"gemm_block_a16_avx2",
                                            Isa::avx2,
                                            BlockActivation::a16,
                                            kPanel,
                                            kRowsA16,
                                            block_packed_bytes,
                                            pack_blocks,
                                            prepared_row_bytes<GroupA16>,
                                            quantize_rows_avx2<GroupA16>,
                                            run_panels<Kernel<ArithmeticA16>>};

}  // namespace tern::kernels
