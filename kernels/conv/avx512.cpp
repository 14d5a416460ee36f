// SPDX-License-Identifier: Apache-2.0
// conv for AVX-512 in f32: one fused multiply-add per k.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "conv.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const ConvTable symbol;
#include "conv.inc"
#undef TERN_VARIANT

#include "../simd/avx512.inc"
#include "../simd/generic.inc"
#include "plan.inc"
#include "avx512.inc"

namespace {

struct F32Step {
  static constexpr int64_t kElement = 4, kPair = 1;
  static void mac(__m512& acc, __m512 x, __m512 w) { multiply_add(acc, x, w); }
};

using Kernel = Avx512Kernel<F32Step>;

}  // namespace

const ConvTable conv_f32_avx512 = {"conv_f32_avx512",
                                   Isa::avx512,
                                   Format::f32,
                                   conv_panels<Kernel>,
                                   conv_row_block<Kernel>,
                                   conv_column_block<Kernel>,
                                   conv_packed_bytes<Kernel>,
                                   conv_scratch_bytes<Kernel>,
                                   conv_pack<Kernel>,
                                   run_conv<Kernel>};

}  // namespace tern::kernels
