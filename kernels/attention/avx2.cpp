// SPDX-License-Identifier: Apache-2.0
// Attention for AVX2 and FMA in f32, and in bf16 widened to f32 on its way into scratch.
// The algorithm is blocked.inc; here are its primitives on 8 lanes.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "attention.h"

namespace tern::kernels {
namespace {

#include "../simd/avx2.inc"

using Vec = __m256;
constexpr int kLanes = 8;
// The widest tile in vectors, and the most rows of a tile by its width: 12 accumulators of the 16
// registers.
constexpr int kTileCols = 2;
constexpr int kTileRows[] = {0, 12, 6};
constexpr int kStreamRows = 8;
constexpr size_t kStreamVecs = 8;

inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}
inline Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void store(float* p, Vec x) {
  _mm256_storeu_ps(p, x);
}
inline Vec set1(float x) {
  return _mm256_set1_ps(x);
}
inline Vec lane(Vec x, int i) {
  return _mm256_permutevar8x32_ps(x, _mm256_set1_epi32(i));
}
inline float first_lane(Vec x) {
  return _mm256_cvtss_f32(x);
}
inline Vec add(Vec a, Vec b) {
  return _mm256_add_ps(a, b);
}
inline Vec sub(Vec a, Vec b) {
  return _mm256_sub_ps(a, b);
}
inline Vec mul(Vec a, Vec b) {
  return _mm256_mul_ps(a, b);
}
inline Vec divide(Vec a, Vec b) {
  return _mm256_div_ps(a, b);
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Vec max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
inline Vec select(Vec x, Vec keep, Vec fill) {
  return _mm256_or_ps(_mm256_and_ps(x, keep), fill);
}

/// 2^(n + f) = 2^n · p(f), n = round(x), for x <= 0; 0 below -126.5. Adding `magic` rounds x and
/// leaves n + 127 in the low bits, ready to be shifted into the exponent. The polynomial is minimax
/// with p(0) = 1: 3e-9 before rounding.
inline Vec exp2(Vec x) {
  const Vec magic = set1(0x1.8p23f + 127.0f);
  const Vec bounded = max(set1(-127.0f), x);
  const Vec shifted = add(bounded, magic);
  const Vec f = sub(bounded, sub(shifted, magic));
  Vec p = fma(set1(0x1.470b48p-13f), f, set1(0x1.5f7278p-10f));
  p = fma(p, f, set1(0x1.3b270ep-7f));
  p = fma(p, f, set1(0x1.c6ae72p-5f));
  p = fma(p, f, set1(0x1.ebfbe2p-3f));
  p = fma(p, f, set1(0x1.62e432p-1f));
  p = fma(p, f, set1(1.0f));
  const __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return mul(p, _mm256_castsi256_ps(power));
}

struct Max {
  static Vec of(Vec a, Vec b) { return max(a, b); }
};
struct Add {
  static Vec of(Vec a, Vec b) { return add(a, b); }
};

/// Lane r of the result reduces vector r of 8: lanes i and i + 2 of each four, then of those
/// i and i + 1, then the halves.
template <class Op>
inline Vec reduce_rows(const float* rows) {
  Vec four[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const float* const p = rows + i * 32;
    const Vec a = load(p), b = load(p + 8), c = load(p + 16), d = load(p + 24);
    const Vec ab = Op::of(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    const Vec cd = Op::of(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    four[i] = Op::of(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  }
  return Op::of(_mm256_permute2f128_ps(four[0], four[1], 0x20),
                _mm256_permute2f128_ps(four[0], four[1], 0x31));
}

/// The reduction of one vector by the same tree, in every lane.
template <class Op>
inline Vec reduce_row(Vec x) {
  x = Op::of(x, _mm256_permute_ps(x, 0x4e));
  x = Op::of(x, _mm256_permute_ps(x, 0xb1));
  return Op::of(x, _mm256_permute2f128_ps(x, x, 0x01));
}

/// The first n of 16 elements.
inline Vec load_pairs(const uint16_t* p, int64_t n) {
  return _mm256_castsi256_ps(_mm256_set_m128i(load_some(p + 8, n - 8), load_some(p, n)));
}
inline Vec first_of_pairs(Vec x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 16));
}
inline Vec second_of_pairs(Vec x) {
  return _mm256_castsi256_ps(
      _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}

inline Vec load_codes(const int8_t* p, int64_t n) {
  int64_t eight = 0;
  __builtin_memcpy(&eight, p, static_cast<size_t>(n < kLanes ? n : kLanes));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(eight)));
}
/// The first n of 32 elements.
inline Vec load_fours(const int8_t* p, int64_t n) {
  if (n >= 32) return load(reinterpret_cast<const float*>(p));
  alignas(32) int8_t codes[32] = {};
  __builtin_memcpy(codes, p, static_cast<size_t>(n));
  return _mm256_castsi256_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(codes)));
}
template <int kWhich>
inline Vec code_of_fours(Vec fours) {
  const __m256i x = _mm256_castps_si256(fours);
  if constexpr (kWhich == 3) {
    return _mm256_cvtepi32_ps(
        _mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xff000000u))));
  }
  constexpr int kTop = 0x00808080 + (kWhich << 24);
  const __m128i bytes =
      _mm_add_epi32(_mm_set1_epi32(kTop), _mm_set_epi32(12 << 24, 8 << 24, 4 << 24, 0));
  return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(bytes)));
}

#include "lanes8.inc"

/// Kᵀ, rows `stride` apart, from rows of elements: load_row(key, element, n) gives the first n of
/// a key from `element` on, zeros behind them.
template <int kElements, class LoadRow>
inline void transpose_keys(int keys, int64_t head_dim, float* to, int64_t stride,
                           LoadRow load_row) {
  static_assert(kElements == 1, "no format of this ISA multiplies pairs");
  for (int first = 0; first < keys; first += 8) {
    for (int64_t d = 0; d < head_dim; d += 8) {
      __m256 x[8];
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        x[i] = first + i < keys ? load_row(first + i, d, head_dim - d) : _mm256_setzero_ps();
      }
      transpose(x);
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) store(to + (d + i) * stride + first, x[i]);
    }
  }
}

#include "blocked.inc"
#include "wide.inc"

}  // namespace

extern const AttentionTable attention_f32_avx2;
extern const AttentionTable attention_bf16_avx2;
extern const AttentionTable attention_f32_bf16_avx2;
extern const AttentionTable attention_f32_int8_avx2;
extern const AttentionTable attention_bf16_int8_avx2;

const AttentionTable attention_f32_avx2 =
    table<Wide<float, float>>("attention_f32_avx2", Isa::avx2, Format::f32, KvFormat::f32);
const AttentionTable attention_bf16_avx2 =
    table<Wide<uint16_t, uint16_t>>("attention_bf16_avx2", Isa::avx2, Format::bf16, KvFormat::bf16);
const AttentionTable attention_f32_bf16_avx2 =
    table<Wide<float, uint16_t>>("attention_f32_bf16_avx2", Isa::avx2, Format::f32, KvFormat::bf16);
const AttentionTable attention_f32_int8_avx2 =
    table<Wide<float, int8_t>>("attention_f32_int8_avx2", Isa::avx2, Format::f32, KvFormat::int8);
const AttentionTable attention_bf16_int8_avx2 = table<Wide<uint16_t, int8_t>>(
    "attention_bf16_int8_avx2", Isa::avx2, Format::bf16, KvFormat::int8);

}  // namespace tern::kernels
