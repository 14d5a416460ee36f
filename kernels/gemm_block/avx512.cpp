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

// clang-format off
#include "avx512.inc"
#include "a16_avx512.inc"
// clang-format on

namespace {

// vpmaddubsw saturates at int16: 2 · 63 · 127 fits, 2 · 255 · 127 does not. So codes of 8 bits are
// multiplied as 16-bit numbers, even and odd k apart.
struct DotMadd {
  // In this order: else gcc 12 hoists what is multiplied and spills.
  static inline __attribute__((always_inline)) void add_in_place(__m512i& sum, __m512i products) {
    asm volatile("vpaddd %1, %0, %0" : "+v"(sum) : "v"(products));
  }
  template <int kBits>
  static inline __attribute__((always_inline)) void add(__m512i& sum, __m512i w, __m512i x) {
    if constexpr (kBits < 8) {
      const __m512i pairs = _mm512_maddubs_epi16(w, x);
      add_in_place(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    } else {
      const __m512i even = _mm512_and_si512(w, _mm512_set1_epi16(255));
      const __m512i odd = _mm512_srli_epi16(w, 8);
      const __m512i x_even = _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
      const __m512i x_odd = _mm512_srai_epi16(x, 8);
      add_in_place(sum, _mm512_madd_epi16(even, x_even));
      add_in_place(sum, _mm512_madd_epi16(odd, x_odd));
    }
  }
};

}  // namespace

const GemmBlockTable gemm_block_a8_avx512 = {"gemm_block_a8_avx512",
                                             Isa::avx512,
                                             BlockActivation::a8,
                                             kPanel,
                                             kMostRows,
                                             block_packed_bytes,
                                             pack_blocks,
                                             prepared_row_bytes<GroupA8>,
                                             quantize_rows_avx512<GroupA8>,
                                             run_panels<KernelAvx512<ArithmeticA8<DotMadd>>>};

const GemmBlockTable gemm_block_a16_avx512 = {"gemm_block_a16_avx512",
                                              Isa::avx512,
                                              BlockActivation::a16,
                                              kPanel,
                                              kMostRows,
                                              block_packed_bytes,
                                              pack_blocks,
                                              prepared_row_bytes<GroupA16>,
                                              quantize_rows_avx512<GroupA16>,
                                              run_panels<KernelAvx512<ArithmeticA16>>};

}  // namespace tern::kernels
