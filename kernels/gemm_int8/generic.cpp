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

// y += the group's part of the sums; `length` k, of which the last quad may be filled up.
void add_group(const GroupOfRow& x, const uint8_t* group, int64_t length, float* y) {
  for (int64_t j = 0; j < kPanel; j++) {
    int32_t sum = x.start;
    for (int64_t k = 0; k < length; k++) {
      sum += group[kPanel * 4 + (k / 4 * kPanel + j) * 4 + k % 4] * x.codes[k];
    }
    float scale;
    memcpy(&scale, group + j * 4, sizeof scale);
    y[j] = fused(static_cast<float>(sum), scale * x.scale, y[j]);
  }
}

void run(const GemmInt8Args& g) {
  for (int64_t j = 0; j < g.n; j += kPanel) {
    const uint8_t* panel =
        static_cast<const uint8_t*>(g.b) + static_cast<size_t>(j / kPanel) * panel_bytes(g.k);
    for (int64_t i = 0; i < g.m; i++) {
      const auto* x =
          reinterpret_cast<const GroupOfRow*>(static_cast<const char*>(g.a) + i * g.lda);
      float y[kPanel] = {};
      for (int64_t k = 0; k < g.k; k += kGroup) {
        const int64_t length = g.k - k < kGroup ? g.k - k : kGroup;
        add_group(x[k / kGroup], panel + k / kGroup * kPanel * (4 + kGroup), length, y);
      }
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
