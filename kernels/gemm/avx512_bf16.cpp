// SPDX-License-Identifier: Apache-2.0
// gemm of bf16 by vdpbf16ps. One group of two k is one instruction per 16 columns:
//     acc += x[2i + 1] · w[2i + 1];  acc += x[2i] · w[2i]
// with the instruction's own arithmetic: rounds to nearest whatever MXCSR says, takes denormal
// inputs as zero and flushes denormal results. So its bits differ from the widening variants',
// within the rounding of a sum; they do not depend on the rectangle.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../cache.h"
#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, a, b) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/avx512.inc"
#include "../simd/generic.inc"
#include "pack.inc"
#include "pack_avx512.inc"
#include "pack_blocks.inc"
#include "tile_avx512.inc"

namespace {

struct DotStep {
  static constexpr Format kXFormat = Format::bf16, kWFormat = Format::bf16;
  static constexpr size_t kGroup = 2, kXBytes = 4, kVectorBytes = 64, kUnroll = 4;
  static constexpr int kWideRows = 4;
  using Operand = __m512i;
  using Accumulator = __m512;
  static Operand x(const char* p) { return _mm512_set1_epi32(load_i32(p)); }
  static Operand w(const char* p) { return _mm512_load_si512(p); }
  static void mac(__m512& acc, Operand x, Operand w) {  // in place, as multiply_add()
    asm volatile("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
  }

  struct Last;  // the k left over: its partner is zero in the panel and in the register

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m512 (&acc)[kRows][kVectors],
                                                        const RowPointers<kRows>& a,
                                                        const char* const* b, size_t u) {
    add_group<DotStep>(acc, a, b, u);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m512 (&acc)[kRows][kVectors], const RowPointers<kRows>& a,
                       const char* const* b) {
    add_group<Last>(acc, a, b, 0);
  }
};

struct DotStep::Last : DotStep {
  static Operand x(const char* p) { return _mm512_set1_epi32(load_u16(p)); }
};

}  // namespace

const GemmTable gemm_bf16_avx512_bf16 =
    table_avx512<DotStep>("gemm_bf16_avx512_bf16", Isa::avx512_bf16);

}  // namespace tern::kernels
