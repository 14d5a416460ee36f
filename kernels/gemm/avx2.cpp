// SPDX-License-Identifier: Apache-2.0
// gemm for AVX2 with FMA: up to 6 rows x 16 columns, 12 accumulators of the 16 registers. bf16 is
// widened in registers, one fused multiply-add per k, ascending: the bits of generic.cpp.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/avx2.inc"
#include "../simd/generic.inc"
#include "blocking.inc"
#include "pack.inc"

namespace {

constexpr size_t kPanelVectors = 2;
constexpr int kPanelColumns = 16;

// acc += x · w in place. As an instruction of its own: left to intrinsics, gcc 12 hoists the
// broadcasts of the next k and then spills accumulators.
inline __attribute__((always_inline)) void multiply_add(__m256& acc, __m256 x, __m256 w) {
  asm volatile("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
}

// One k: acc[r][v] += x[r] · w[v]. Few rows take several panels at once, and then hold x instead.
template <class Step, size_t kRows, size_t kVectors>
inline __attribute__((always_inline)) void add_one(__m256 (&acc)[kRows][kVectors],
                                                   const char* const* a, const char* const* b,
                                                   size_t i) {
  if constexpr (kVectors <= kPanelVectors) {
    __m256 w[kVectors];
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; v++) w[v] = Step::w(b[0] + (i * kPanelVectors + v) * 32);
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; r++) {
      const __m256 x = Step::x(a[r] + i * 4);
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; v++) multiply_add(acc[r][v], x, w[v]);
    }
  } else {
    __m256 x[kRows];
#pragma GCC unroll 3
    for (size_t r = 0; r < kRows; r++) x[r] = Step::x(a[r] + i * 4);
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; v++) {
      const size_t p = v / kPanelVectors;
      const __m256 w = Step::w(b[p] + (i * kPanelVectors + v % kPanelVectors) * 32);
#pragma GCC unroll 3
      for (size_t r = 0; r < kRows; r++) multiply_add(acc[r][v], x[r], w);
    }
  }
}

struct F32Step {
  static constexpr size_t kGroup = 1, kElement = 4;
  static __m256 x(const char* p) { return _mm256_set1_ps(load_f32(p)); }
  static __m256 w(const char* p) { return _mm256_load_ps(reinterpret_cast<const float*>(p)); }

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add_group(__m256 (&acc)[kRows][kVectors],
                                                              const char* const* a,
                                                              const char* const* b, size_t i) {
    add_one<F32Step>(acc, a, b, i);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m256 (&)[kRows][kVectors], const char* const*, const char* const*,
                       size_t) {}
};

alignas(32) const uint32_t kUpperHalves[8] = {0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u,
                                              0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u};

// A group is two k; 32 bits hold the pair (k even low, k odd high). First all even ones, then all
// odd ones, each widened from memory as it is needed: written as intrinsics, gcc keeps whole pairs
// alive beside the accumulators and spills.
struct Bf16Step {
  static constexpr size_t kGroup = 2, kElement = 2;
  struct PairBytes {
    char bytes[4];
  };

  struct Even {
    static __m256 x(const char* p) {
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
    static __m256 x(const char* p) {
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
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_set1_epi32(load_u16(p)), 16));
    }
  };

  template <size_t kRows, size_t kVectors>
  static inline __attribute__((always_inline)) void add_group(__m256 (&acc)[kRows][kVectors],
                                                              const char* const* a,
                                                              const char* const* b, size_t i) {
    add_one<Even>(acc, a, b, i);
    add_one<Odd<(kRows < 3)>>(acc, a, b, i);
  }
  template <size_t kRows, size_t kVectors>
  static void add_last(__m256 (&acc)[kRows][kVectors], const char* const* a, const char* const* b,
                       size_t i) {
    add_one<Last>(acc, a, b, i);
  }
};

// sums[r][v] (+)= sum over k of x[r, k] · w[v, k].
template <class Step, size_t kRows, size_t kVectors>
void tile_avx2(const Tile& t) {
  __m256 acc[kRows][kVectors];
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; r++)
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; v++)
      acc[r][v] = t.resume ? _mm256_load_ps(t.sums + (r * kVectors + v) * 8) : _mm256_setzero_ps();
  const char* a[kRows];
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; r++) a[r] = t.a + r * t.lda;
  const char* b[(kVectors + 1) / 2];
#pragma GCC unroll 4
  for (size_t p = 0; p < (kVectors + 1) / 2; p++) b[p] = t.b + p * t.panel_bytes;
  const size_t groups = t.k / Step::kGroup;
  constexpr size_t kUnroll = 4 / Step::kGroup;
  Ahead ahead(t);
  size_t i = 0;
  for (; i + kUnroll <= groups; i += kUnroll) {
#pragma GCC unroll 4
    for (size_t u = 0; u < kUnroll; u++) Step::add_group(acc, a, b, i + u);
    ahead.advance<kUnroll * kVectors * 32, kRows, kUnroll * 4>();
  }
  for (; i < groups; i++) Step::add_group(acc, a, b, i);
  if (t.k % Step::kGroup != 0) Step::add_last(acc, a, b, groups);
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; r++)
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; v++)
      _mm256_store_ps(t.sums + (r * kVectors + v) * 8, acc[r][v]);
}

// Eight columns of c = act(sums + bias) + residual, all of them inside the rectangle.
inline __m256 finished(const GemmArgs& g, __m256 y, const float* bias, const float* residual) {
  if (bias) y = _mm256_add_ps(y, _mm256_loadu_ps(bias));
  if (g.act != Act::none) y = act_ps(g.act, y);
  return residual ? _mm256_add_ps(y, _mm256_loadu_ps(residual)) : y;
}

// The last, partly used vector of a row: bias, residual and c go through copies on the stack.
void finish_tail(const GemmArgs& g, __m256 y, int64_t row, int64_t column, int64_t left) {
  alignas(32) float bias[8] = {}, residual[8] = {}, out[8];
  for (int64_t j = 0; j < left; j++) {
    if (g.bias) bias[j] = g.bias[column + j];
    if (g.residual) residual[j] = g.residual[row * g.ld_residual + column + j];
  }
  y = finished(g, y, g.bias ? bias : nullptr, g.residual ? residual : nullptr);
  _mm256_store_ps(out, y);
  alignas(16) uint16_t half[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(half), f32_to_bf16(y));
  for (int64_t j = 0; j < left; j++) {
    const int64_t at = row * g.ldc + column + j;
    if (g.c_format == Format::f32) static_cast<float*>(g.c)[at] = out[j];
    if (g.c_format != Format::f32) static_cast<uint16_t*>(g.c)[at] = half[j];
  }
}

void finish_avx2(const GemmArgs& g, const Part& p, const float* sums, int64_t width) {
  for (int64_t r = 0; r < p.rows; r++) {
    const int64_t row = p.row + r;
    int64_t j = 0;
    for (; j + 8 <= p.columns; j += 8) {
      const int64_t column = p.column + j;
      const float* residual = g.residual ? g.residual + row * g.ld_residual + column : nullptr;
      const __m256 y = finished(g, _mm256_load_ps(sums + r * width + j),
                                g.bias ? g.bias + column : nullptr, residual);
      if (g.c_format == Format::f32) {
        _mm256_storeu_ps(static_cast<float*>(g.c) + row * g.ldc + column, y);
      } else {
        uint16_t* c = static_cast<uint16_t*>(g.c) + row * g.ldc + column;
        _mm_storeu_si128(reinterpret_cast<__m128i*>(c), f32_to_bf16(y));
      }
    }
    if (j < p.columns) {
      finish_tail(g, _mm256_load_ps(sums + r * width + j), row, p.column + j, p.columns - j);
    }
  }
}

// What blocking.inc asks for. One row takes four panels at once, up to three rows two panels; bf16
// has fewer registers to spare and takes two for up to two rows.
template <class Step>
struct Avx2Kernel {
  static constexpr int64_t kLanes = 8, kVectors = kPanelVectors, kRows = 6;
  static constexpr int64_t kElement = Step::kElement, kGroup = Step::kGroup;

  static int widest(int64_t m) { return m <= 1 ? 8 : m <= 4 - kGroup ? 4 : 2; }

  template <int kV>
  static TileFunction of_rows(int64_t rows) {
    if constexpr (kV <= 4) {
      if (rows == 2) return tile_avx2<Step, 2, kV>;
      if (rows == 3) return tile_avx2<Step, 3, kV>;
    }
    if constexpr (kV <= 2) {
      if (rows == 4) return tile_avx2<Step, 4, kV>;
      if (rows == 5) return tile_avx2<Step, 5, kV>;
      if (rows == 6) return tile_avx2<Step, 6, kV>;
    }
    return tile_avx2<Step, 1, kV>;
  }

  static TileFunction tile(int64_t rows, int vectors) {
    switch (vectors) {
      case 1:
        return of_rows<1>(rows);
      case 2:
        return of_rows<2>(rows);
      case 4:
        return of_rows<4>(rows);
      default:
        return of_rows<8>(rows);
    }
  }

  static void finish(const GemmArgs& g, const Part& p, const float* sums, int64_t width) {
    finish_avx2(g, p, sums, width);
  }
};

}  // namespace

const GemmTable gemm_f32_avx2 = {"gemm_f32_avx2",
                                 Isa::avx2,
                                 Format::f32,
                                 kPanelColumns,
                                 Avx2Kernel<F32Step>::kRows,
                                 panels_bytes<Format::f32, kPanelColumns, 1>,
                                 pack_panels<Format::f32, kPanelColumns, 1>,
                                 run_blocks<Avx2Kernel<F32Step>>};

const GemmTable gemm_bf16_avx2 = {"gemm_bf16_avx2",
                                  Isa::avx2,
                                  Format::bf16,
                                  kPanelColumns,
                                  Avx2Kernel<Bf16Step>::kRows,
                                  panels_bytes<Format::bf16, kPanelColumns, 2>,
                                  pack_panels<Format::bf16, kPanelColumns, 2>,
                                  run_blocks<Avx2Kernel<Bf16Step>>};

}  // namespace tern::kernels
