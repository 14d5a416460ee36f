// SPDX-License-Identifier: Apache-2.0
// Sums and conversions, AVX2 and F16C: 8 elements at a time. Same bits as
// generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "elementwise.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

static void add(const float* a, const float* b, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
  }
  for (; i < n; ++i) y[i] = a[i] + b[i];
}

template <Format kFrom>
static inline __m256 load(const void* x, int64_t i, int64_t left) {
  if constexpr (kFrom == Format::f32) {
    return load_some(static_cast<const float*>(x) + i, left);
  } else {
    const __m128i half = load_some(static_cast<const uint16_t*>(x) + i, left);
    return kFrom == Format::bf16 ? bf16_to_f32(half) : _mm256_cvtph_ps(half);
  }
}

template <Format kTo>
static inline void store(__m256 v, void* y, int64_t i, int64_t left) {
  if constexpr (kTo == Format::f32) {
    store_some(static_cast<float*>(y) + i, v, left);
  } else if constexpr (kTo == Format::bf16) {
    store_some(static_cast<uint16_t*>(y) + i, f32_to_bf16(v), left);
  } else {
    const __m128i half = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    store_some(static_cast<uint16_t*>(y) + i, half, left);
  }
}

template <Format kFrom, Format kTo>
static void convert_all(const void* x, void* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) store<kTo>(load<kFrom>(x, i, n - i), y, i, n - i);
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

extern const ElementwiseTable elementwise_avx2;
const ElementwiseTable elementwise_avx2 = {"elementwise_avx2", Isa::avx2, add, convert};

}  // namespace tern::kernels
