// SPDX-License-Identifier: Apache-2.0
// gemm for AVX-512: f32, and bf16 for CPUs without AVX512_BF16. bf16 is widened in registers; the
// product of two bf16 is exact in f32, so the chain is one fused multiply-add per k, ascending, as
// in generic.cpp.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/avx512.inc"
#include "../simd/generic.inc"
#include "avx512.inc"
#include "pack.inc"

namespace {

struct F32Step {
  static constexpr size_t kGroup = 1, kElement = 4, kUnroll = 4;
  using Operand = __m512;
  static Operand x(const char* p) { return _mm512_set1_ps(load_f32(p)); }
  static Operand w(const char* p) { return _mm512_load_ps(p); }
  static void mac(__m512& acc, Operand x, Operand w) { multiply_add(acc, x, w); }

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m512 (&acc)[kRows][kVectors],
                                                        const char* const* a, const char* const* b,
                                                        size_t i) {
    add_group<F32Step>(acc, a, b, i);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m512 (&)[kRows][kVectors], const char* const*, const char* const*,
                       size_t) {}
};

// A group is two k: 32 bits hold the pair (k even low, k odd high). First all even ones, then all
// odd ones, each widened from memory as it is needed: written as intrinsics, gcc keeps whole pairs
// alive beside the 24 accumulators and spills.
struct Bf16Step {
  static constexpr size_t kGroup = 2, kElement = 2, kUnroll = 1;
  struct PairBytes {
    char bytes[4];
  };

  struct Even {
    using Operand = __m512;
    static Operand x(const char* p) {
      Operand half;
      asm volatile("vpbroadcastd %1, %0\n\tvpslld $16, %0, %0"
                   : "=v"(half)
                   : "m"(*reinterpret_cast<const PairBytes*>(p)));
      return half;
    }
    static Operand w(const char* p) {
      Operand half;
      asm volatile("vpslld $16, %1, %0" : "=v"(half) : "m"(*reinterpret_cast<const __m512i*>(p)));
      return half;
    }
    static void mac(__m512& acc, Operand x, Operand w) { multiply_add(acc, x, w); }
  };
  struct Odd {
    using Operand = __m512;
    static Operand x(const char* p) {
      Operand half;
      asm volatile("vpandd %1%{1to16%}, %2, %0"
                   : "=v"(half)
                   : "m"(*reinterpret_cast<const PairBytes*>(p)), "v"(_mm512_set1_epi32(-65536)));
      return half;
    }
    static Operand w(const char* p) {
      Operand half;
      asm volatile("vpandd %1, %2, %0"
                   : "=v"(half)
                   : "m"(*reinterpret_cast<const __m512i*>(p)), "v"(_mm512_set1_epi32(-65536)));
      return half;
    }
    static void mac(__m512& acc, Operand x, Operand w) { multiply_add(acc, x, w); }
  };
  struct Last : Even {  // the k left over has no partner to read
    static Operand x(const char* p) {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_set1_epi32(load_u16(p)), 16));
    }
  };

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m512 (&acc)[kRows][kVectors],
                                                        const char* const* a, const char* const* b,
                                                        size_t i) {
    add_group<Even>(acc, a, b, i);
    add_group<Odd>(acc, a, b, i);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m512 (&acc)[kRows][kVectors], const char* const* a, const char* const* b,
                       size_t i) {
    add_group<Last>(acc, a, b, i);
  }
};

}  // namespace

const GemmTable gemm_f32_avx512 = {"gemm_f32_avx512",
                                   Isa::avx512,
                                   Format::f32,
                                   kPanelColumns,
                                   Avx512Kernel<F32Step>::kRows,
                                   panels_bytes<Format::f32, kPanelColumns, 1>,
                                   pack_panels<Format::f32, kPanelColumns, 1>,
                                   run_blocks<Avx512Kernel<F32Step>>};

const GemmTable gemm_bf16_avx512 = {"gemm_bf16_avx512",
                                    Isa::avx512,
                                    Format::bf16,
                                    kPanelColumns,
                                    Avx512Kernel<Bf16Step>::kRows,
                                    panels_bytes<Format::bf16, kPanelColumns, 2>,
                                    pack_panels<Format::bf16, kPanelColumns, 2>,
                                    run_blocks<Avx512Kernel<Bf16Step>>};

}  // namespace tern::kernels
