// SPDX-License-Identifier: Apache-2.0
// Row softmax: y[i, j] = exp(x[i, j] - max_j x[i, :]) / sum. Arithmetic in f32, sums in a fixed
// order; a bf16 result is the f32 result rounded once.
// A row of -inf only gives NaN, as in torch. Zero columns: nothing is written.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct SoftmaxArgs {
  int64_t rows, cols;
  Format x_format;  // f32 or bf16, as y_format
  const void* x;
  int64_t x_stride;  // elements
  Format y_format;
  void* y;  // may be x when the formats are the same
  int64_t y_stride;
};

struct SoftmaxTable {
  const char* name;  // "softmax_avx512"
  Isa isa;
  void (*softmax)(const SoftmaxArgs&);
};

Variants<SoftmaxTable> softmax_variants();

}  // namespace tern::kernels
