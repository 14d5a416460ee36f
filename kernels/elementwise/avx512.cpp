// SPDX-License-Identifier: Apache-2.0
// Sums and conversions, AVX-512: 16 elements at a time, the last ones under a mask. Same bits as
// generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "elementwise.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

static void add(const float* a, const float* b, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_add_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
  }
  const __mmask16 k = tail_mask(n - i);
  const __m512 sum =
      _mm512_add_ps(_mm512_maskz_loadu_ps(k, a + i), _mm512_maskz_loadu_ps(k, b + i));
  _mm512_mask_storeu_ps(y + i, k, sum);
}

template <Format kFrom>
static inline __m512 load(const void* x, int64_t i, __mmask16 k) {
  if constexpr (kFrom == Format::f32) {
    return _mm512_maskz_loadu_ps(k, static_cast<const float*>(x) + i);
  } else {
    const __m256i half = _mm256_maskz_loadu_epi16(k, static_cast<const uint16_t*>(x) + i);
    return kFrom == Format::bf16 ? bf16_to_f32(half) : _mm512_cvtph_ps(half);
  }
}

template <Format kTo>
static inline void store(__m512 v, void* y, int64_t i, __mmask16 k) {
  if constexpr (kTo == Format::f32) {
    _mm512_mask_storeu_ps(static_cast<float*>(y) + i, k, v);
  } else if constexpr (kTo == Format::bf16) {
    _mm256_mask_storeu_epi16(static_cast<uint16_t*>(y) + i, k, f32_to_bf16(v));
  } else {
    const __m256i half = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_mask_storeu_epi16(static_cast<uint16_t*>(y) + i, k, half);
  }
}

template <Format kFrom, Format kTo>
static void convert_all(const void* x, void* y, int64_t n) {
  const __mmask16 all = 0xffff;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) store<kTo>(load<kFrom>(x, i, all), y, i, all);
  if (i < n) store<kTo>(load<kFrom>(x, i, tail_mask(n - i)), y, i, tail_mask(n - i));
}

template <Format kFrom>
static void convert_from(const void* x, void* y, Format to, int64_t n) {
  switch (to) {
    case Format::f32:
      return convert_all<kFrom, Format::f32>(x, y, n);
    case Format::bf16:
      return convert_all<kFrom, Format::bf16>(x, y, n);
    case Format::f16:
      return convert_all<kFrom, Format::f16>(x, y, n);
  }
}

static void convert(const void* x, Format from, void* y, Format to, int64_t n) {
  if (n <= 0) return;
  if (from == to) {
    __builtin_memcpy(y, x, static_cast<size_t>(n) * (from == Format::f32 ? 4 : 2));
    return;
  }
  switch (from) {
    case Format::f32:
      return convert_from<Format::f32>(x, y, to, n);
    case Format::bf16:
      return convert_from<Format::bf16>(x, y, to, n);
    case Format::f16:
      return convert_from<Format::f16>(x, y, to, n);
  }
}

extern const ElementwiseTable elementwise_avx512;
const ElementwiseTable elementwise_avx512 = {"elementwise_avx512", Isa::avx512, add, convert};

}  // namespace tern::kernels
