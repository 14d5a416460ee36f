// SPDX-License-Identifier: Apache-2.0
// Attention for AVX-512 (F, BW, DQ, VL) in f32, and in bf16 widened to f32 on its way into scratch.
// The algorithm is blocked.inc; here are exp2 and the two formats.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "attention.h"

namespace tern::kernels {
namespace {

#include "../simd/avx512.inc"
#include "avx512.inc"

/// The polynomial is minimax with p(0) = 1: 2e-9 before rounding.
inline Vec exp2(Vec x) {
  const Vec f = fraction(x);
  Vec p = fma(set1(0x1.c54176p-13f), f, set1(0x1.46d64cp-10f));
  p = fma(p, f, set1(0x1.3d0b92p-7f));
  p = fma(p, f, set1(0x1.c68912p-5f));
  p = fma(p, f, set1(0x1.ebfd58p-3f));
  p = fma(p, f, set1(0x1.62e42cp-1f));
  p = fma(p, f, set1(1.0f));
  return _mm512_scalef_ps(p, x);
}

#include "blocked.inc"

inline __m256i load_some(const uint16_t* p, int64_t n) {
  if (n >= kLanes) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_maskz_loadu_epi16(tail_mask(n), p);
}

/// The first n of 32 elements.
inline Vec load_pairs(const uint16_t* p, int64_t n) {
  if (n >= 32) return load(reinterpret_cast<const float*>(p));
  return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16((1u << static_cast<unsigned>(n)) - 1, p));
}
inline __m512 first_of_pairs(__m512 x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 16));
}
inline __m512 second_of_pairs(__m512 x) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline Vec load_codes(const int8_t* p, int64_t n) {
  const __m128i codes = n >= kLanes ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))
                                    : _mm_maskz_loadu_epi8(tail_mask(n), p);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
}
inline Vec load_fours(const int8_t* p, int64_t n) {
  if (n >= 64) return load(reinterpret_cast<const float*>(p));
  return _mm512_castsi512_ps(
      _mm512_maskz_loadu_epi8((uint64_t{1} << static_cast<unsigned>(n)) - 1, p));
}
template <int kWhich>
inline Vec code_of_fours(Vec fours) {
  const __m512i x = _mm512_castps_si512(fours);
  if constexpr (kWhich == 3) {
    return _mm512_cvtepi32_ps(
        _mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xff000000u))));
  }
  constexpr int kTop = 0x00808080 + (kWhich << 24);
  const __m128i bytes =
      _mm_add_epi32(_mm_set1_epi32(kTop), _mm_set_epi32(12 << 24, 8 << 24, 4 << 24, 0));
  return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(bytes)));
}
inline void store_some(float* p, Vec x, int64_t n) {
  if (n >= kLanes) return store(p, x);
  _mm512_mask_storeu_ps(p, tail_mask(n), x);
}

inline void store_some(uint16_t* p, __m256i x, int64_t n) {
  if (n >= kLanes) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  _mm256_mask_storeu_epi16(p, tail_mask(n), x);
}

#include "wide.inc"

}  // namespace

extern const AttentionTable attention_f32_avx512;
extern const AttentionTable attention_bf16_avx512;
extern const AttentionTable attention_f32_bf16_avx512;
extern const AttentionTable attention_f32_int8_avx512;
extern const AttentionTable attention_bf16_int8_avx512;

const AttentionTable attention_f32_avx512 =
    table<Wide<float, float>>("attention_f32_avx512", Isa::avx512, Format::f32, KvFormat::f32);
const AttentionTable attention_bf16_avx512 = table<Wide<uint16_t, uint16_t>>(
    "attention_bf16_avx512", Isa::avx512, Format::bf16, KvFormat::bf16);
const AttentionTable attention_f32_bf16_avx512 = table<Wide<float, uint16_t>>(
    "attention_f32_bf16_avx512", Isa::avx512, Format::f32, KvFormat::bf16);
const AttentionTable attention_f32_int8_avx512 = table<Wide<float, int8_t>>(
    "attention_f32_int8_avx512", Isa::avx512, Format::f32, KvFormat::int8);
const AttentionTable attention_bf16_int8_avx512 = table<Wide<uint16_t, int8_t>>(
    "attention_bf16_int8_avx512", Isa::avx512, Format::bf16, KvFormat::int8);

}  // namespace tern::kernels
