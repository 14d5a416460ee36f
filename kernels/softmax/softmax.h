// SPDX-License-Identifier: Apache-2.0
// Row softmax: y[i, j] = exp(x[i, j] - max_j x[i, :]) / sum. f32, y may alias x, fixed order.
// A row of -inf only gives NaN, as in torch. Zero columns: nothing is written.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct SoftmaxTable {
  const char* name;        // "softmax_avx512"
  Isa isa;
  void (*softmax)(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                  int64_t cols);
};

Variants<SoftmaxTable> softmax_variants();

}  // namespace tern::kernels
