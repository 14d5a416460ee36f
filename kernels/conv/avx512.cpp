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

namespace {  // around all of it: members of class templates would be weak symbols

#include "avx512.inc"

struct Kernel {
  static constexpr Layout kLayout = {16, 3, 4, true, true};

  static int64_t pixels(int64_t vectors) { return vectors == 3 ? 8 : kMaxPixels; }

  static bool edge(int64_t interleave, int64_t pixels, int code) {
    const int lost = code < 0 ? -code : code;
    const auto most = edge_pixels(static_cast<size_t>(interleave), static_cast<size_t>(pixels));
    return lost <= static_cast<int>(most);
  }

  static TileFunction tile(int64_t interleave, int64_t vectors, int64_t pixels) {
    switch (interleave) {
      case 2:
        return of_pixels<ChainTile<2, 1>>(pixels);
      case 4:
        return of_pixels<ChainTile<4, 1>>(pixels);
      case 8:
        return of_pixels<ChainTile<8, 1>>(pixels);
      case 16:
        return of_pixels<ChainTile<16, 1>>(pixels);
    }
    if (vectors == 3) return of_pixels<ChainTile<1, 3>>(pixels);
    return vectors == 2 ? of_pixels<ChainTile<1, 2>>(pixels) : of_pixels<ChainTile<1, 1>>(pixels);
  }

  static TileFunction sliding(int64_t interleave, int64_t stride, int64_t pixels) {
    if (interleave == 16) return of_pixels<SlidingTile<16, 1, 7>>(pixels);
    const bool even = stride == 2;
    switch (interleave) {
      case 2:
        return even ? of_pixels<SlidingTile<2, 2, 3>>(pixels) : of_pixels<SlidingTile<2, 1, 3>>(pixels);
      case 4:
        return even ? of_pixels<SlidingTile<4, 2, 3>>(pixels) : of_pixels<SlidingTile<4, 1, 3>>(pixels);
    }
    return even ? of_pixels<SlidingTile<1, 2, 3>>(pixels) : of_pixels<SlidingTile<1, 1, 3>>(pixels);
  }

  static void winograd(const ConvArgs& a, const Plan& p, int64_t set, const Range& panels,
                       const Range& rows, const Range& columns);

  static void copy(const Plan& p, const Gather& g) {
    const __m512i order = _mm512_load_si512(p.channel_of);
    const char* from = g.from;
    char* to = g.to;
    // Also fetches the channels that the next set will copy: where pixels lie in pages of their own, the
    // hardware does not foresee them.
    const int64_t next = p.channels * 4;
    if (g.channels == 16 && p.pixel == 16) {
      for (int64_t i = 0; i < g.count; i++, from += g.from_step, to += 64) {
        _mm_prefetch(from + next, _MM_HINT_T1);
        _mm512_store_ps(to, _mm512_permutexvar_ps(order, _mm512_loadu_ps(from)));
      }
      return;
    }
    for (int64_t i = 0; i < g.count; i++, from += g.from_step, to += p.pixel * 4) {
      int64_t c = 0;
      for (; p.interleave == 1 && c + 16 <= g.channels; c += 16) {
        _mm_prefetch(from + next + c * 4, _MM_HINT_T1);
        _mm512_storeu_ps(to + c * 4, _mm512_loadu_ps(from + c * 4));
      }
      for (; c < p.pixel; c += 16) {
        const __m512 v = _mm512_maskz_loadu_ps(tail_mask(g.channels - c), from + c * 4);
        const __m512 ordered = _mm512_permutexvar_ps(order, v);
        _mm512_mask_storeu_ps(to + c * 4, tail_mask(p.pixel - c), ordered);
      }
    }
  }

  // f32, whole vectors, no residual, and no activation but relu.
  static bool store_directly(const ConvArgs& a, const Plan& p, const Part& t, ConvTile& tile) {
    const int64_t first = t.set * p.outputs + t.panel * p.vectors * 16;
    const int64_t set_end = smaller((t.set + 1) * p.outputs, a.shape->out_c);
    if (a.y_format != Format::f32 || a.residual || (a.act != Act::none && a.act != Act::relu) ||
        first + t.vectors * 16 > set_end) {
      return false;
    }
    tile.y = static_cast<float*>(a.y) + t.row * a.y_row + t.column * a.y_pixel + first;
    tile.y_step = a.y_pixel;
    tile.bias = a.bias ? a.bias + first : nullptr;
    tile.low = a.act == Act::relu ? 0 : -INFINITY;
    tile.order = p.lane_of;
    return true;
  }

  static void finish(const ConvArgs& a, const Plan& p, const Part& t, const float* sums) {
    const int64_t outputs = a.shape->out_c;
    const int64_t set_end = smaller((t.set + 1) * p.outputs, outputs);
    Columns c = {t.set * p.outputs + t.panel * p.vectors * 16, 0,
                 _mm512_load_si512(p.lane_of)};
    for (int64_t v = 0; v < t.vectors; v++, sums += 16, c.channel += 16) {
      c.mask = tail_mask(set_end - c.channel);
      if (a.y_format != Format::f32) {
        finish_columns<uint16_t>(a, t, c, sums);
      } else {
        finish_columns<float>(a, t, c, sums);
      }
    }
  }
};

#include "winograd_block.inc"

void Kernel::winograd(const ConvArgs& a, const Plan& p, int64_t set, const Range& panels,
                      const Range& rows, const Range& columns) {
  run_winograd(a, p, set, panels, rows, columns);
}

}  // namespace

const ConvTable conv_f32_avx512 = {"conv_f32_avx512",
                                   Isa::avx512,
                                   Format::f32,
                                   conv_panels<Kernel>,
                                   conv_row_step<Kernel>,
                                   conv_row_block<Kernel>,
                                   conv_column_block<Kernel>,
                                   conv_packed_bytes<Kernel>,
                                   conv_scratch_bytes<Kernel>,
                                   conv_pack<Kernel>,
                                   run_conv<Kernel>};

}  // namespace tern::kernels
