// SPDX-License-Identifier: Apache-2.0
// pool2d for AVX2: 32 channels of a window at a time, then 8.
#include <immintrin.h>
#include <stdint.h>

#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

#include "../simd/avx2.inc"
#include "windows.inc"

namespace {

template <bool kMax>
inline __m256 joined(__m256 acc, __m256 x) {
  if constexpr (!kMax) return _mm256_add_ps(acc, x);
  // max gives acc when either is NaN or both are zero.
  return _mm256_blendv_ps(_mm256_max_ps(x, acc), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

// kVectors vectors of channels from `channel` on, `left` channels in the last.
template <bool kMax, size_t kVectors>
void reduce_channels(const Pool2dArgs& a, const Window& w, int64_t channel, float* y) {
  const int64_t left = a.channels - channel - static_cast<int64_t>(kVectors - 1) * 8;
  __m256 acc[kVectors];
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; v++) acc[v] = _mm256_set1_ps(kMax ? -__builtin_inff() : 0.0f);
  for (int64_t r = w.row; r < w.row_end; r++) {
    const float* x = a.x + r * a.x_row + w.column * a.x_pixel + channel;
    for (int64_t q = w.column; q < w.column_end; q++, x += a.x_pixel) {
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; v++) {
        acc[v] = joined<kMax>(acc[v], load_some(x + v * 8, v + 1 < kVectors ? 8 : left));
      }
    }
  }
  const __m256 divisor = _mm256_set1_ps(w.positions > 0 ? static_cast<float>(w.positions) : 1);
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; v++) {
    store_some(y + channel + v * 8, kMax ? acc[v] : _mm256_div_ps(acc[v], divisor),
               v + 1 < kVectors ? 8 : left);
  }
}

template <bool kMax>
void reduce(const Pool2dArgs& a, const Window& w, float* y) {
  int64_t i = 0;
  for (; i + 32 <= a.channels; i += 32) reduce_channels<kMax, 4>(a, w, i, y);
  for (; i < a.channels; i += 8) reduce_channels<kMax, 1>(a, w, i, y);
}

void run(const Pool2dArgs& a) {
  walk(a, a.mode == Pool2dMode::max ? reduce<true> : reduce<false>);
}

}  // namespace

const Pool2dTable pool2d_avx2 = {"pool2d_avx2", Isa::avx2, run};

}  // namespace tern::kernels
