// SPDX-License-Identifier: Apache-2.0
// gemm for AVX2 with FMA: x in f32 with weights in f32, f16 or bf16, and bf16 with bf16. 16-bit
// values are widened in registers, one fused multiply-add per k, ascending: the bits of
// generic.cpp.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../cache.h"
#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, a, b) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/avx2.inc"
#include "../simd/generic.inc"
#include "pack.inc"
#include "pack_avx2.inc"
#include "pack_blocks.inc"
#include "tile_avx2.inc"

namespace {

inline __m256 widened(const float* p) {
  return _mm256_load_ps(p);
}
inline __m256 widened(const uint16_t* p) {  // f16
  return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}

// One k at a time: W is float, or uint16_t for f16.
template <class W>
struct SingleStep {
  static constexpr Format kXFormat = Format::f32;
  static constexpr Format kWFormat = sizeof(W) == 4 ? Format::f32 : Format::f16;
  static constexpr size_t kGroup = 1, kXBytes = 4, kVectorBytes = 8 * sizeof(W), kUnroll = 4;
  static __m256 x(const char* p) { return _mm256_set1_ps(load_f32(p)); }
  static __m256 w(const char* p) { return widened(reinterpret_cast<const W*>(p)); }

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m256 (&acc)[kRows][kVectors],
                                                        const RowPointers<kRows>& a,
                                                        const char* const* b, size_t u) {
    add_one<SingleStep>(acc, a, b, u);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m256 (&)[kRows][kVectors], const RowPointers<kRows>&, const char* const*) {
  }
};

alignas(32) const uint32_t kUpperHalves[8] = {0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u,
                                              0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u};

// bf16 weights in groups of two k; 32 bits hold the pair (k even low, k odd high). First all even
// ones, then all odd ones, each widened from memory as it is needed: written as intrinsics, gcc
// keeps whole pairs alive beside the accumulators and spills.
template <Format kX>
struct Bf16Step {
  static constexpr Format kXFormat = kX, kWFormat = Format::bf16;
  static constexpr size_t kGroup = 2, kVectorBytes = 32, kUnroll = 2;
  static constexpr size_t kXBytes = kX == Format::f32 ? 8 : 4;
  struct PairBytes {
    char bytes[4];
  };

  struct Even {
    static constexpr size_t kVectorBytes = 32, kXBytes = Bf16Step::kXBytes;
    static __m256 x(const char* p) {
      if constexpr (kX == Format::f32) return _mm256_set1_ps(load_f32(p));
      __m256 half;
      asm volatile("vpbroadcastd %1, %0\n\tvpslld $16, %0, %0"
                   : "=x"(half)
                   : "m"(*reinterpret_cast<const PairBytes*>(p)));
      return half;
    }
    static __m256 w(const char* p) {
      __m256 half;
      asm volatile("vmovdqa %1, %0\n\tvpslld $16, %0, %0"
                   : "=x"(half)
                   : "m"(*reinterpret_cast<const __m256i*>(p)));
      return half;
    }
  };
  // Twelve accumulators leave no register for the mask: kMask false takes it from memory.
  template <bool kMask>
  struct Odd {
    static constexpr size_t kVectorBytes = 32, kXBytes = Bf16Step::kXBytes;
    static __m256 x(const char* p) {
      if constexpr (kX == Format::f32) return _mm256_set1_ps(load_f32(p + 4));
      __m256 half;
      if constexpr (kMask) {
        asm volatile("vpbroadcastd %1, %0\n\tvpand %2, %0, %0"
                     : "=&x"(half)
                     : "m"(*reinterpret_cast<const PairBytes*>(p)), "x"(_mm256_set1_epi32(-65536)));
      } else {
        asm volatile("vpbroadcastd %1, %0\n\tvpand %2, %0, %0"
                     : "=&x"(half)
                     : "m"(*reinterpret_cast<const PairBytes*>(p)), "m"(kUpperHalves));
      }
      return half;
    }
    static __m256 w(const char* p) {
      __m256 half;
      if constexpr (kMask) {
        asm volatile("vpand %1, %2, %0"
                     : "=x"(half)
                     : "m"(*reinterpret_cast<const __m256i*>(p)), "x"(_mm256_set1_epi32(-65536)));
      } else {
        asm volatile("vmovdqa %1, %0\n\tvpand %2, %0, %0"
                     : "=&x"(half)
                     : "m"(*reinterpret_cast<const __m256i*>(p)), "m"(kUpperHalves));
      }
      return half;
    }
  };
  struct Last : Even {  // the k left over has no partner to read
    static __m256 x(const char* p) {
      if constexpr (kX == Format::f32) return Even::x(p);
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_set1_epi32(load_u16(p)), 16));
    }
  };

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add(__m256 (&acc)[kRows][kVectors],
                                                        const RowPointers<kRows>& a,
                                                        const char* const* b, size_t u) {
    add_one<Even>(acc, a, b, u);
    add_one<Odd<(kRows < 3)>>(acc, a, b, u);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m256 (&acc)[kRows][kVectors], const RowPointers<kRows>& a,
                       const char* const* b) {
    add_one<Last>(acc, a, b, 0);
  }
};

}  // namespace

const GemmTable gemm_f32_avx2 = table_avx2<SingleStep<float>>("gemm_f32_avx2");
const GemmTable gemm_f32_f16_avx2 = table_avx2<SingleStep<uint16_t>>("gemm_f32_f16_avx2");
const GemmTable gemm_f32_bf16_avx2 = table_avx2<Bf16Step<Format::f32>>("gemm_f32_bf16_avx2");
const GemmTable gemm_bf16_avx2 = table_avx2<Bf16Step<Format::bf16>>("gemm_bf16_avx2");

}  // namespace tern::kernels
