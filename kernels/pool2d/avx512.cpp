// SPDX-License-Identifier: Apache-2.0
// pool2d for AVX-512: 64 channels of a window at a time, then 16.
#include <immintrin.h>
#include <stdint.h>

#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

#include "../simd/avx512.inc"
#include "windows.inc"

namespace {

template <bool kMax>
inline __m512 joined(__m512 acc, __m512 x) {
  if constexpr (!kMax) return _mm512_add_ps(acc, x);
  // max gives acc when either is NaN or both are zero.
  return _mm512_mask_mov_ps(_mm512_max_ps(x, acc), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

// kVectors vectors of channels from `channel` on; of the last, those in `mask`.
template <bool kMax, size_t kVectors>
void reduce_channels(const Pool2dArgs& a, const Window& w, int64_t channel, float* y) {
  const __mmask16 mask = tail_mask(a.channels - channel - static_cast<int64_t>(kVectors - 1) * 16);
  __m512 acc[kVectors];
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; v++) acc[v] = _mm512_set1_ps(kMax ? -__builtin_inff() : 0.0f);
  for (int64_t r = w.row; r < w.row_end; r++) {
    const float* x = a.x + r * a.x_row + w.column * a.x_pixel + channel;
    for (int64_t q = w.column; q < w.column_end; q++, x += a.x_pixel) {
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; v++) {
        const __mmask16 lanes = v + 1 < kVectors ? __mmask16{0xffff} : mask;
        acc[v] = joined<kMax>(acc[v], _mm512_maskz_loadu_ps(lanes, x + v * 16));
      }
    }
  }
  const __m512 divisor = _mm512_set1_ps(w.positions > 0 ? static_cast<float>(w.positions) : 1);
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; v++) {
    const __mmask16 lanes = v + 1 < kVectors ? __mmask16{0xffff} : mask;
    _mm512_mask_storeu_ps(y + channel + v * 16, lanes,
                          kMax ? acc[v] : _mm512_div_ps(acc[v], divisor));
  }
}

template <bool kMax>
void reduce(const Pool2dArgs& a, const Window& w, float* y) {
  int64_t i = 0;
  for (; i + 64 <= a.channels; i += 64) reduce_channels<kMax, 4>(a, w, i, y);
  for (; i < a.channels; i += 16) reduce_channels<kMax, 1>(a, w, i, y);
}

void run(const Pool2dArgs& a) {
  walk(a, a.mode == Pool2dMode::max ? reduce<true> : reduce<false>);
}

}  // namespace

const Pool2dTable pool2d_avx512 = {"pool2d_avx512", Isa::avx512, run};

}  // namespace tern::kernels
