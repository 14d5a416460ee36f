// SPDX-License-Identifier: Apache-2.0
// gemm for AVX-512 by fused multiply-adds: x in f32 with weights in f32, f16 or bf16, and bf16 with
// bf16 for CPUs without AVX512_BF16. 16-bit values are widened in registers, exactly; one fused
// multiply-add per k, ascending, as in generic.cpp.
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

inline __m512 widened(const float* p) {
  return _mm512_load_ps(p);
}
inline __m512 widened(const uint16_t* p) {  // f16; in halves, as Zen 4 converts 512 bits slower
  const __m128i* half = reinterpret_cast<const __m128i*>(p);
  const __m256 low = _mm256_cvtph_ps(_mm_load_si128(half));
  return _mm512_insertf32x8(_mm512_castps256_ps512(low), _mm256_cvtph_ps(_mm_load_si128(half + 1)),
                            1);
}

// One k at a time: W is float, or uint16_t for f16.
template <class W>
struct SingleStep {
  static constexpr Format kXFormat = Format::f32;
  static constexpr Format kWFormat = sizeof(W) == 4 ? Format::f32 : Format::f16;
  static constexpr size_t kGroup = 1, kXBytes = 4, kVectorBytes = 16 * sizeof(W), kUnroll = 4;
  static constexpr int kWideRows = 4;
  using Operand = __m512;
  using Accumulator = __m512;
  static Operand x(const char* p) { return _mm512_set1_ps(load_f32(p)); }
  static Operand w(const char* p) { return widened(reinterpret_cast<const W*>(p)); }
  static void mac(__m512& acc, Operand x, Operand w) { multiply_add(acc, x, w); }

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m512 (&acc)[kRows][kVectors],
                                                        const RowPointers<kRows>& a,
                                                        const char* const* b, size_t u) {
    add_group<SingleStep>(acc, a, b, u);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m512 (&)[kRows][kVectors], const RowPointers<kRows>&, const char* const*) {
  }
};

struct F16Step : SingleStep<uint16_t> {
  // Halves of vectors stay apart: for one row and two, putting them together takes Zen 4 longer
  // than the multiplications, which are as fast on halves there. On CPUs where they are not,
  // weights from memory still bind.
  struct Few {
    static constexpr size_t kGroup = 1, kXBytes = 4, kVectorBytes = 16, kUnroll = 4;
    using Operand = __m256;
    using Accumulator = __m256;
    static Operand x(const char* p) { return _mm256_set1_ps(load_f32(p)); }
    static Operand w(const char* p) {
      return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static void mac(__m256& acc, Operand x, Operand w) { multiply_add(acc, x, w); }

    template <size_t kRows, size_t kVectors>
    static inline __attribute__((always_inline)) void add(__m256 (&acc)[kRows][kVectors],
                                                          const RowPointers<kRows>& a,
                                                          const char* const* b, size_t u) {
      add_group<Few>(acc, a, b, u);
    }
    template <size_t kRows, size_t kVectors>
    static void add_last(__m256 (&)[kRows][kVectors], const RowPointers<kRows>&,
                         const char* const*) {}
  };
};

struct PairBytes {
  char bytes[4];
};

// bf16 weights in groups of two k: 32 bits hold the pair (k even low, k odd high). First all even
// ones, then all odd ones, each widened from memory as it is needed: written as intrinsics, gcc
// keeps whole pairs alive beside the 24 accumulators and spills.
template <Format kX>
struct Bf16Step {
  static constexpr Format kXFormat = kX, kWFormat = Format::bf16;
  static constexpr size_t kGroup = 2, kVectorBytes = 64, kUnroll = 2;
  static constexpr int kWideRows = 3;  // widened operands leave no registers for a fourth
  using Accumulator = __m512;
  static constexpr size_t kXBytes = kX == Format::f32 ? 8 : 4;

  struct Even {
    static constexpr size_t kXBytes = Bf16Step::kXBytes, kVectorBytes = 64;
    using Operand = __m512;
    using Accumulator = __m512;
    static Operand x(const char* p) {
      if constexpr (kX == Format::f32) return _mm512_set1_ps(load_f32(p));
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
  struct Odd : Even {
    using typename Even::Operand;
    static Operand x(const char* p) {
      if constexpr (kX == Format::f32) return _mm512_set1_ps(load_f32(p + 4));
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
  };
  struct Last : Even {  // the k left over has no partner to read
    using typename Even::Operand;
    static Operand x(const char* p) {
      if constexpr (kX == Format::f32) return Even::x(p);
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_set1_epi32(load_u16(p)), 16));
    }
  };

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m512 (&acc)[kRows][kVectors],
                                                        const RowPointers<kRows>& a,
                                                        const char* const* b, size_t u) {
    add_group<Even>(acc, a, b, u);
    add_group<Odd>(acc, a, b, u);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m512 (&acc)[kRows][kVectors], const RowPointers<kRows>& a,
                       const char* const* b) {
    add_group<Last>(acc, a, b, 0);
  }
};

}  // namespace

const GemmTable gemm_f32_avx512 = table_avx512<SingleStep<float>>("gemm_f32_avx512", Isa::avx512);
const GemmTable gemm_f32_f16_avx512 = table_avx512<F16Step>("gemm_f32_f16_avx512", Isa::avx512);
const GemmTable gemm_f32_bf16_avx512 =
    table_avx512<Bf16Step<Format::f32>>("gemm_f32_bf16_avx512", Isa::avx512);
const GemmTable gemm_bf16_avx512 =
    table_avx512<Bf16Step<Format::bf16>>("gemm_bf16_avx512", Isa::avx512);

}  // namespace tern::kernels
