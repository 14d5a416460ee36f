// SPDX-License-Identifier: Apache-2.0
// gemm_int8 by definition (gemm_int8.h): one row of one panel at a time, group after group.
#include <math.h>
#include <string.h>

#include "gemm_int8.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const GemmInt8Table symbol;
#include "gemm_int8.inc"
#undef TERN_VARIANT

// Each after what it needs.
// clang-format off
#include "../simd/fused.inc"
#include "../simd/generic.inc"
#include "../gemm/epilogue_generic.inc"
#include "../gemm/convert.inc"
#include "layout.inc"
#include "rows.inc"
#include "definition.inc"
// clang-format on

namespace {

// t += what a group of `pieces` of the weights, at `group`, adds.
void add_group(const uint8_t* x, const char* group, int64_t pieces, float* t) {
  const char* codes = group + kPanel * 4;
  for (int64_t j = 0; j < kPanel; j++) {
    int32_t sum = 0;
    for (int64_t k = 0; k < kPiece * pieces; k++) {
      sum += x[k] * static_cast<signed char>(codes[(k / 4 * kPanel + j) * 4 + k % 4]);
    }
    t[j] = fused(static_cast<float>(sum), as_f32<Format::f32>(group, j), t[j]);
  }
}

// One row of one panel.
void multiply_row(const uint8_t* x, const char* panel, int64_t k, float* y) {
  const Groups groups = groups_of(k);
  const int64_t count = parts_of(k, kPiece);
  for (int64_t i = 0; i < count;) {
    const float scale = as_f32<Format::f32>(x + count * kPiece, i * kPiece / groups.rows);
    float t[kPanel];
    memcpy(t, panel, sizeof t);
    panel += sizeof t;
    const int64_t end = i + groups.rows / kPiece < count ? i + groups.rows / kPiece : count;
    while (i < end) {
      const int64_t left = end - i, most = groups.weights / kPiece,
                    pieces = left < most ? left : most;
      add_group(x + i * kPiece, panel, pieces, t);
      panel += kPanel * (4 + pieces * kPiece);
      i += pieces;
    }
    for (int64_t j = 0; j < kPanel; j++) y[j] = fused(t[j], scale, y[j]);
  }
}

void run(const GemmInt8Args& g) {
  for (int64_t j = 0; j < g.n; j += kPanel) {
    const char* panel =
        static_cast<const char*>(g.b) + static_cast<size_t>(j / kPanel) * panel_bytes(g.k);
    for (int64_t i = 0; i < g.m; i++) {
      float y[kPanel] = {};
      multiply_row(static_cast<const uint8_t*>(g.a) + i * g.lda, panel, g.k, y);
      finish_row(g.out, i, j, g.n - j < kPanel ? g.n - j : kPanel, y);
    }
  }
}

}  // namespace

const GemmInt8Table gemm_int8_generic = {"gemm_int8_generic",
                                         Isa::generic,
                                         Feature::none,
                                         kPanel,
                                         1,
                                         packed_bytes,
                                         pack<DefinedQuantizer>,
                                         row_bytes,
                                         quantize_rows<DefinedQuantizer>,
                                         run};

}  // namespace tern::kernels
