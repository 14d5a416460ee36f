// SPDX-License-Identifier: Apache-2.0
// Attention in bf16 by the dot product of pairs (vdpbf16ps): Q·Kᵀ multiplies pairs along head_dim;
// the softmax is f32; its weights are rounded to bf16 and S·V multiplies pairs along the keys.
// The weights that are summed are the rounded ones, so an output stays a weighted mean of v.
// The algorithm is blocked.inc; here are exp2 and the format.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "attention.h"

namespace tern::kernels {
namespace {

#include "../simd/avx512.inc"
#include "avx512.inc"

/// The polynomial is minimax with p(0) = 1: 3e-6, far below the rounding of weights to bf16.
inline Vec exp2(Vec x) {
  const Vec f = fraction(x);
  Vec p = fma(set1(0x1.b7f73p-7f), f, set1(0x1.abf86ap-5f));
  p = fma(p, f, set1(0x1.ee2450p-3f));
  p = fma(p, f, set1(0x1.62d6c6p-1f));
  p = fma(p, f, set1(1.0f));
  return _mm512_scalef_ps(p, x);
}

#include "blocked.inc"

inline __m512bh pairs(Vec x) {
  return reinterpret_cast<__m512bh>(x);
}

/// The first n of 32 elements, as pairs; zeros behind them.
inline __m512i load_pairs(const uint16_t* p, int64_t n) {
  if (n >= 32) return _mm512_loadu_si512(p);
  return _mm512_maskz_loadu_epi16((1u << static_cast<unsigned>(n)) - 1, p);
}

/// For permutex2var_epi16: elements 0 … 15 of a and b in pairs; then 16 … 31.
inline __m512i low_pairs() {
  return _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38,
                          6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
}
inline __m512i high_pairs() {
  return _mm512_add_epi16(low_pairs(), _mm512_set1_epi16(16));
}

struct Pairs {
  using Element = uint16_t;
  static constexpr bool kScalesQueries = false, kScalesRows = false;
  static constexpr int kElements = 2;
  static constexpr int64_t kKeyBytes = 2;

  static int64_t steps(int64_t n) { return (n + 1) / 2; }
  static Vec multiply_add(Vec a, Vec b, Vec acc) {
    return _mm512_dpbf16_ps(acc, pairs(a), pairs(b));
  }
  /// gcc 12 broadcasts to a register first; this loop has no room for that instruction.
  static void multiply_add(Lanes8 a, const char* b, Lanes8& acc) {
    asm("vdpbf16ps %2%{1to8%}, %1, %0"
        : "+v"(acc)
        : "v"(a), "m"(*reinterpret_cast<const float*>(b)));
  }

  static void load_query(const uint16_t* from, int64_t head_dim, Vec, float* to) {
    for (int64_t d = 0; d < head_dim; d += 32) {
      _mm512_storeu_si512(to + d / 2, load_pairs(from + d, head_dim - d));
    }
  }

  static constexpr int kUnit = 1;

  static Vec load_units(const char* p, int64_t n) {
    return _mm512_castsi512_ps(load_pairs(reinterpret_cast<const uint16_t*>(p), n));
  }

  static void split(Vec units, Vec* parts) { parts[0] = units; }

  static void pack_keys(const AttentionArgs& x, const Block& block, float* to) {
    const int64_t stride = x.k_stride, head_dim = x.head_dim;
    const uint16_t* const k = static_cast<const uint16_t*>(x.k) + block.first * stride;
    const auto row = [=](int key, int64_t d, int64_t n) {
      return _mm512_castsi512_ps(load_pairs(k + key * stride + d, n));
    };
    transpose_keys<2>(block.count, head_dim, to, kKeyBlock, row);
  }

  struct Values {
    const uint16_t* v;
    int64_t stride, ahead;
  };

  static Values value_rows(const AttentionArgs& x, int64_t first, int64_t column) {
    return {static_cast<const uint16_t*>(x.v) + (first * x.v_stride + column), x.v_stride,
            rows_ahead(x.head_dim * kKeyBytes) * x.v_stride};
  }

  /// Of two keys, columns paired; an odd last key is paired with zeros.
  template <size_t N>
  static void load_values(const Values& values, int j, int count, int64_t left, Vec (&to)[N]) {
    const uint16_t* const one = values.v + j * values.stride;
    const bool two = j + 1 < count;
#pragma GCC unroll 4
    for (size_t n = 0; n < N; n += 2) {
      const auto d = static_cast<int64_t>(n) * kLanes;
      const int64_t rest = n + 2 < N ? 32 : left - d;
      prefetch(one + values.ahead + d);
      prefetch(one + values.ahead + values.stride + d);
      const __m512i a = load_pairs(one + d, rest);
      const __m512i b = two ? load_pairs(one + values.stride + d, rest) : _mm512_setzero_si512();
      to[n] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, low_pairs(), b));
      if (n + 1 < N) {
        to[n + 1] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, high_pairs(), b));
      }
    }
  }

  /// Two keys' rows become one row of pairs; an odd last key is paired with zeros.
  static const float* values(const AttentionArgs& x, const Block& block, float* scratch,
                             int64_t* stride) {
    const __m512i low = low_pairs(), high = high_pairs();
    const uint16_t* v = static_cast<const uint16_t*>(x.v) + block.first * x.v_stride;
    *stride = round_up(x.head_dim, kLanes);
    float* to = scratch;
    for (int j = 0; j < block.count; j += 2, v += 2 * x.v_stride, to += *stride) {
      const bool two = j + 1 < block.count;
      for (int64_t d = 0; d < x.head_dim; d += 32) {
        const int64_t left = x.head_dim - d;
        const __m512i a = load_pairs(v + d, left);
        const __m512i b = two ? load_pairs(v + x.v_stride + d, left) : _mm512_setzero_si512();
        _mm512_storeu_si512(to + d, _mm512_permutex2var_epi16(a, low, b));
        if (left > 16) _mm512_storeu_si512(to + d + 16, _mm512_permutex2var_epi16(a, high, b));
      }
    }
    return scratch;
  }

  template <size_t V>
  static Vec store_weights(float* row, const Vec (&x)[V], const float*) {
    const __m512bh ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f80));
    Vec sum = set1(0.0f);
#pragma GCC unroll 2
    for (size_t i = 0; i < V; i += 2) {
      const Vec next = i + 1 < V ? x[i + 1] : set1(0.0f);
      const __m512bh weights = _mm512_cvtne2ps_pbh(next, x[i]);
      store(row + i / 2 * kLanes, reinterpret_cast<Vec>(weights));
      sum = _mm512_dpbf16_ps(sum, weights, ones);
    }
    return sum;
  }

  static void store_output(uint16_t* p, Vec x, int64_t n) {
    const __m256i words = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
    if (n >= kLanes) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
    _mm256_mask_storeu_epi16(p, tail_mask(n), words);
  }
};

}  // namespace

extern const AttentionTable attention_bf16_avx512_bf16;

const AttentionTable attention_bf16_avx512_bf16 =
    table<Pairs>("attention_bf16_avx512_bf16", Isa::avx512_bf16, Format::bf16, KvFormat::bf16);

}  // namespace tern::kernels
