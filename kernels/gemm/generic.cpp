// SPDX-License-Identifier: Apache-2.0
// gemm by definition: eight columns of one row at a time, one fused multiply-add per k, ascending.
// 16-bit formats are widened to f32 first, exactly. These bits are also those of the
// AVX2 and AVX-512 variants before the activation; only vdpbf16ps (avx512_bf16.cpp) has its own.
#include <math.h>
#include <string.h>

#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, a, b) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

#include "../simd/fused.inc"
#include "../simd/generic.inc"
#include "epilogue_generic.inc"
#include "pack.inc"
#include "pack_generic.inc"

namespace {

constexpr int kPanel = 8;

template <Format kX, Format kW>
void run(const GemmArgs& g) {
  const size_t x_bytes = kX == Format::f32 ? 4 : 2, w_bytes = kW == Format::f32 ? 4 : 2;
  for (int64_t i = 0; i < g.m; i++) {
    const char* a = static_cast<const char*>(g.a) + static_cast<size_t>(i * g.lda) * x_bytes;
    for (int64_t j0 = 0; j0 < g.n; j0 += kPanel) {
      const char* b = static_cast<const char*>(g.b) + static_cast<size_t>(j0 * g.k) * w_bytes;
      float sum[kPanel] = {};
      for (int64_t k = 0; k < g.k; k++) {
        const float x = as_f32<kX>(a, k);
        for (int64_t j = 0; j < kPanel; j++) {
          sum[j] = fused(x, as_f32<kW>(b, k * kPanel + j), sum[j]);
        }
      }
      finish_row(g.out, i, j0, g.n - j0 < kPanel ? g.n - j0 : kPanel, sum);
    }
  }
}

template <Format kX, Format kW>
constexpr GemmTable table(const char* name) {
  return {name,
          Isa::generic,
          kX,
          kW,
          kPanel,
          1,
          panels_bytes<kW, kPanel, 1>,
          pack_panels<kW, kPanel, 1>,
          run<kX, kW>};
}

}  // namespace

const GemmTable gemm_f32_generic = table<Format::f32, Format::f32>("gemm_f32_generic");
const GemmTable gemm_f32_f16_generic = table<Format::f32, Format::f16>("gemm_f32_f16_generic");
const GemmTable gemm_f32_bf16_generic = table<Format::f32, Format::bf16>("gemm_f32_bf16_generic");
const GemmTable gemm_bf16_generic = table<Format::bf16, Format::bf16>("gemm_bf16_generic");

}  // namespace tern::kernels
