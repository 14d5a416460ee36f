// SPDX-License-Identifier: Apache-2.0
// gemm for AVX-512: f32, and bf16 for CPUs without AVX512_BF16. bf16 is widened in registers; the
// product of two bf16 is exact in f32, so the chain is one fused multiply-add per k, ascending, as
// in generic.cpp.
#include "gemm.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/generic.inc"
#include "../simd/avx512.inc"
#include "pack.inc"
#include "avx512.inc"

namespace {

struct F32Step {
  static constexpr size_t kGroup = 1, kElement = 4, kGroupBytes = 4;
  using Operand = __m512;
  using Last = F32Step;  // never needed: no k is left over
  static Operand x(const char* p) { return _mm512_set1_ps(load_f32(p)); }
  static Operand w(const char* p) { return _mm512_load_ps(p); }
  static __m512 mac(__m512 acc, Operand x, Operand w) { return _mm512_fmadd_ps(x, w, acc); }
};

// Two k per group: 32 bits hold the pair (k even low, k odd high).
struct Pair {
  __m512 even, odd;
};

inline Pair widened(__m512i pair) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)),
          _mm512_castsi512_ps(_mm512_and_si512(pair, _mm512_set1_epi32(-65536)))};
}

struct Bf16Step {
  static constexpr size_t kGroup = 2, kElement = 2, kGroupBytes = 4;
  using Operand = Pair;
  static Operand x(const char* p) { return widened(_mm512_set1_epi32(load_i32(p))); }
  static Operand w(const char* p) { return widened(_mm512_load_si512(p)); }
  static __m512 mac(__m512 acc, const Operand& x, const Operand& w) {
    return _mm512_fmadd_ps(x.odd, w.odd, _mm512_fmadd_ps(x.even, w.even, acc));
  }

  struct Last {  // the one k left over
    static constexpr size_t kGroupBytes = 4;
    using Operand = __m512;
    static Operand x(const char* p) { return widened(_mm512_set1_epi32(load_u16(p))).even; }
    static Operand w(const char* p) { return widened(_mm512_load_si512(p)).even; }
    static __m512 mac(__m512 acc, Operand x, Operand w) { return _mm512_fmadd_ps(x, w, acc); }
  };
};

}  // namespace

const GemmTable gemm_f32_avx512 = {
    "gemm_f32_avx512", Isa::avx512, Format::f32, kPanelColumns, Avx512Kernel<F32Step>::kRows,
    panels_bytes<Format::f32, kPanelColumns, 1>, pack_panels<Format::f32, kPanelColumns, 1>,
    run_blocks<Avx512Kernel<F32Step>>};

const GemmTable gemm_bf16_avx512 = {
    "gemm_bf16_avx512", Isa::avx512, Format::bf16, kPanelColumns, Avx512Kernel<Bf16Step>::kRows,
    panels_bytes<Format::bf16, kPanelColumns, 2>, pack_panels<Format::bf16, kPanelColumns, 2>,
    run_blocks<Avx512Kernel<Bf16Step>>};

}  // namespace tern::kernels
