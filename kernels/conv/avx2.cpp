// SPDX-License-Identifier: Apache-2.0
// conv for AVX2 with FMA in f32: up to 6 pixels x 16 output channels, or 8 x 8; one fused
// multiply-add per k.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "conv.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const ConvTable symbol;
#include "conv.inc"
#undef TERN_VARIANT

#include "../simd/avx2.inc"
#include "../simd/generic.inc"
#include "plan.inc"
#include "blocking.inc"
#include "run.inc"

namespace {

// acc += x · w in place. As an instruction of its own: left to intrinsics, gcc 12 hoists the
// broadcasts of the next k and then spills accumulators.
inline __attribute__((always_inline)) void multiply_add(__m256& acc, __m256 x, __m256 w) {
  asm volatile("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
}

// kInterleave adjacent elements repeated over the vector.
template <size_t kInterleave>
inline __attribute__((always_inline)) __m256 broadcast(const char* p) {
  if constexpr (kInterleave == 8) return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
  if constexpr (kInterleave == 4) {
    return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p));
  }
  if constexpr (kInterleave == 2) {
    return _mm256_castpd_ps(_mm256_broadcast_sd(reinterpret_cast<const double*>(p)));
  }
  return _mm256_broadcast_ss(reinterpret_cast<const float*>(p));
}

// One run, for pixels [kBegin, kEnd) of the tile.
template <size_t kInterleave, size_t kBegin, size_t kEnd, size_t kVectors, size_t kPixels>
inline __attribute__((always_inline)) void add_run(__m256 (&acc)[kPixels][kVectors],
                                                   const char* const* x, const char* w,
                                                   int64_t k) {
  constexpr int64_t kBytes = 4 * kInterleave;
  for (int64_t i = 0; i < k; i++, w += kVectors * 32) {
    __m256 weights[kVectors];
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; v++) {
      weights[v] = _mm256_load_ps(reinterpret_cast<const float*>(w + v * 32));
    }
#pragma GCC unroll 8
    for (size_t r = kBegin; r < kEnd; r++) {
      const __m256 operand = broadcast<kInterleave>(x[r] + i * kBytes);
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; v++) multiply_add(acc[r][v], operand, weights[v]);
    }
  }
}

template <size_t kInterleave, size_t kVectors, size_t kPixels>
void tile_avx2(const ConvTile& t) {
  __m256 acc[kPixels][kVectors];
#pragma GCC unroll 8
  for (size_t r = 0; r < kPixels; r++)
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; v++) acc[r][v] = _mm256_setzero_ps();
  for (int64_t o = 0; o < t.outer; o++) {
    for (int64_t i = 0; i < t.inner; i++) {
      const char* x[kPixels];
#pragma GCC unroll 8
      for (size_t r = 0; r < kPixels; r++) {
        x[r] = t.x + o * t.x_outer + i * t.x_inner + static_cast<int64_t>(r) * t.step;
      }
      const char* w = t.w + o * t.w_outer + i * t.w_inner;
      const int code = t.edges ? t.edges[i] : 0;
      if (kPixels == 1 || code == 0) {
        add_run<kInterleave, 0, kPixels>(acc, x, w, t.run);
      } else if (code > 0) {
        add_run<kInterleave, 1, kPixels>(acc, x, w, t.run);
      } else {
        add_run<kInterleave, 0, kPixels - 1>(acc, x, w, t.run);
      }
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kPixels; r++)
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; v++)
      _mm256_store_ps(t.sums + (r * kVectors + v) * 8, acc[r][v]);
}

// y for eight channels of one pixel, `left` of them real.
void finish_vector(const ConvArgs& a, __m256 sum, int64_t row, int64_t column, int64_t channel,
                   int64_t left) {
  // + 0: which zero a sum is must not depend on the taps left out.
  sum = _mm256_add_ps(sum, _mm256_setzero_ps());
  if (a.bias) sum = _mm256_add_ps(sum, load_some(a.bias + channel, left));
  __m256 residual = _mm256_setzero_ps();
  if (a.residual) {
    residual = load_some(
        a.residual + row * a.residual_row + column * a.residual_pixel + channel, left);
  }
  if (a.residual && a.residual_first) sum = _mm256_add_ps(sum, residual);
  if (a.act != Act::none) sum = act_ps(a.act, sum);
  if (a.residual && !a.residual_first) sum = _mm256_add_ps(sum, residual);
  const int64_t at = row * a.y_row + column * a.y_pixel + channel;
  if (a.y_format == Format::f32) {
    store_some(static_cast<float*>(a.y) + at, sum, left);
  } else {
    store_some(static_cast<uint16_t*>(a.y) + at, f32_to_bf16(sum), left);
  }
}

struct Avx2Kernel {
  static constexpr Layout kLayout = {8, 2, 4, false, false};

  static int64_t pixels(int64_t vectors) { return vectors == 2 ? 6 : 8; }

  static bool edge(int64_t, int64_t pixels, int code) {
    return pixels > 1 && code >= -1 && code <= 1;
  }

  template <size_t kInterleave, size_t kVectors>
  static TileFunction of_pixels(int64_t pixels) {
    switch (pixels) {
      case 1:
        return tile_avx2<kInterleave, kVectors, 1>;
      case 2:
        return tile_avx2<kInterleave, kVectors, 2>;
      case 3:
        return tile_avx2<kInterleave, kVectors, 3>;
      case 4:
        return tile_avx2<kInterleave, kVectors, 4>;
      case 5:
        return tile_avx2<kInterleave, kVectors, 5>;
    }
    if constexpr (kVectors == 1) {
      if (pixels == 7) return tile_avx2<kInterleave, 1, 7>;
      if (pixels == 8) return tile_avx2<kInterleave, 1, 8>;
    }
    return tile_avx2<kInterleave, kVectors, 6>;
  }

  static TileFunction tile(int64_t interleave, int64_t vectors, int64_t pixels) {
    switch (interleave) {
      case 2:
        return of_pixels<2, 1>(pixels);
      case 4:
        return of_pixels<4, 1>(pixels);
      case 8:
        return of_pixels<8, 1>(pixels);
    }
    return vectors == 2 ? of_pixels<1, 2>(pixels) : of_pixels<1, 1>(pixels);
  }

  static TileFunction sliding(int64_t, int64_t, int64_t) { return nullptr; }

  static void copy(const Plan& p, const Gather& g) {
    const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(p.channel_of));
    for (int64_t i = 0; i < g.count; i++) {
      const float* from = reinterpret_cast<const float*>(g.from + i * g.from_step);
      float* to = reinterpret_cast<float*>(g.to + i * p.pixel * 4);
      for (int64_t c = 0; c < p.pixel; c += 8) {
        const __m256 v = load_some(from + c, g.channels - c);
        store_some(to + c, _mm256_permutevar8x32_ps(v, order), p.pixel - c);
      }
    }
  }

  static bool store_directly(const ConvArgs&, const Plan&, const Part&, ConvTile&) { return false; }

  static void finish(const ConvArgs& a, const Plan& p, const Part& t, const float* sums) {
    const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(p.lane_of));
    const int64_t end = smaller((t.set + 1) * p.outputs, a.shape->out_c);
    const int64_t first = t.set * p.outputs + t.panel * p.vectors * 8;
    for (int64_t r = 0; r < t.pixels; r++) {
      for (int64_t v = 0; v < t.vectors; v++, sums += 8) {
        const __m256 sum = _mm256_permutevar8x32_ps(_mm256_load_ps(sums), order);
        finish_vector(a, sum, t.row, t.column + r, first + v * 8, end - first - v * 8);
      }
    }
  }
};

}  // namespace

const ConvTable conv_f32_avx2 = {"conv_f32_avx2",
                                 Isa::avx2,
                                 Format::f32,
                                 conv_panels<Avx2Kernel>,
                                 conv_row_step<Avx2Kernel>,
                                 conv_row_block<Avx2Kernel>,
                                 conv_column_block<Avx2Kernel>,
                                 conv_packed_bytes<Avx2Kernel>,
                                 conv_scratch_bytes<Avx2Kernel>,
                                 conv_pack<Avx2Kernel>,
                                 run_conv<Avx2Kernel>};

}  // namespace tern::kernels
