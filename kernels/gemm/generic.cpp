// SPDX-License-Identifier: Apache-2.0
// gemm by definition: eight columns of one row at a time, one fused multiply-add per k, ascending.
// bf16 is widened to f32 first, where a product of two is exact. These bits are also those of the
// AVX2 and AVX-512 variants before the activation; only vdpbf16ps (avx512_bf16.cpp) has its own.
#include <math.h>
#include <string.h>

#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/generic.inc"
#include "pack.inc"

namespace {

constexpr int kPanel = 8;

// x · y + z rounded once. Without such an instruction: the product is exact in double; the sum is
// rounded to odd there (the last bit set when inexact), so that rounding to float is right.
inline float fused(float x, float y, float z) {
#ifdef __FP_FAST_FMAF
  return __builtin_fmaf(x, y, z);
#else
  const double product = static_cast<double>(x) * static_cast<double>(y);
  const double addend = static_cast<double>(z);
  const double sum = product + addend;
  const double back = sum - product;
  const double error = (product - (sum - back)) + (addend - back);
  uint64_t bits;
  __builtin_memcpy(&bits, &sum, sizeof bits);
  if ((error < 0 || error > 0) && (bits & 1) == 0) {  // not for inf and NaN, whose error is NaN
    bits = (error > 0) == (sum > 0) ? bits + 1 : bits - 1;
  }
  double odd;
  __builtin_memcpy(&odd, &bits, sizeof odd);
  return static_cast<float>(odd);
#endif
}

inline float as_f32(float value) {
  return value;
}
inline float as_f32(uint16_t value) {
  return bf16_to_f32(value);
}

template <class Element>
void run(const GemmArgs& g) {
  const Element* a = static_cast<const Element*>(g.a);
  for (int64_t i = 0; i < g.m; i++) {
    for (int64_t j0 = 0; j0 < g.n; j0 += kPanel) {
      const Element* b = static_cast<const Element*>(g.b) + j0 * g.k;
      float sum[kPanel] = {};
      for (int64_t k = 0; k < g.k; k++) {
        const float x = as_f32(a[i * g.lda + k]);
        for (int64_t j = 0; j < kPanel; j++) sum[j] = fused(x, as_f32(b[k * kPanel + j]), sum[j]);
      }
      for (int64_t j = j0; j < g.n && j < j0 + kPanel; j++) {
        float y = act_f32(g.act, g.bias ? sum[j - j0] + g.bias[j] : sum[j - j0]);
        if (g.residual) y += g.residual[i * g.ld_residual + j];
        if (g.c_format == Format::f32) {
          static_cast<float*>(g.c)[i * g.ldc + j] = y;
        } else {
          static_cast<uint16_t*>(g.c)[i * g.ldc + j] = f32_to_bf16(y);
        }
      }
    }
  }
}

}  // namespace

const GemmTable gemm_f32_generic = {"gemm_f32_generic",
                                    Isa::generic,
                                    Format::f32,
                                    kPanel,
                                    1,
                                    panels_bytes<Format::f32, kPanel, 1>,
                                    pack_panels<Format::f32, kPanel, 1>,
                                    run<float>};

const GemmTable gemm_bf16_generic = {"gemm_bf16_generic",
                                     Isa::generic,
                                     Format::bf16,
                                     kPanel,
                                     1,
                                     panels_bytes<Format::bf16, kPanel, 1>,
                                     pack_panels<Format::bf16, kPanel, 1>,
                                     run<uint16_t>};

}  // namespace tern::kernels
