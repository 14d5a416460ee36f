// SPDX-License-Identifier: Apache-2.0
// Pooling of the rows of one sequence into one row, and unit length. f32, rows in ascending order.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct PoolTable {
  const char* name;        // "pool_avx512"
  Isa isa;
  /// y[j] = sum_i weights[i] · x[i, j]; weights null = ones. Rows of weight 0 are added as x · 0.
  void (*weighted_sum)(const float* x, int64_t x_stride, const float* weights, int64_t rows,
                       int64_t cols, float* y);
  /// y[j] = max_i x[i, j] over rows with mask[i] != 0 (null = all); -1e9 when there is none.
  void (*max)(const float* x, int64_t x_stride, const uint8_t* mask, int64_t rows, int64_t cols,
              float* y);
  /// y[j] = x[j] · factor; y may alias x.
  void (*scale)(const float* x, float factor, float* y, int64_t n);
  /// y = x / max(‖x‖₂, eps); y may alias x. (torch.nn.functional.normalize: eps 1e-12)
  void (*normalize)(const float* x, float eps, float* y, int64_t n);
};

Variants<PoolTable> pool_variants();

}  // namespace tern::kernels
