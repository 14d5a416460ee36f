// SPDX-License-Identifier: Apache-2.0
// Pooling by its definition. weighted_sum, max and scale of the other variants give the same bits;
// normalize sums in double here.

#include <math.h>
#include <stdint.h>

#include "pool.h"

namespace tern::kernels {
namespace {

void weighted_sum(const float* x, int64_t x_stride, const float* weights, int64_t rows,
                  int64_t cols, float* y) {
  for (int64_t j = 0; j < cols; ++j) {
    float sum = 0;
    for (int64_t i = 0; i < rows; ++i) {
      sum += (weights != nullptr ? weights[i] : 1.0f) * x[i * x_stride + j];
    }
    y[j] = sum;
  }
}

void max(const float* x, int64_t x_stride, const uint8_t* mask, int64_t rows, int64_t cols,
         float* y) {
  for (int64_t j = 0; j < cols; ++j) {
    bool found = false;
    float best = -1e9f;
    for (int64_t i = 0; i < rows; ++i) {
      if (mask != nullptr && mask[i] == 0) continue;
      const float value = x[i * x_stride + j];
      if (!found || value > best || value != value) best = value;  // a NaN stays, as in torch
      found = true;
    }
    y[j] = best;
  }
}

void scale(const float* x, float factor, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * factor;
}

void normalize(const float* x, float eps, float* y, int64_t n) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const double norm = sqrt(squares);
  const double divisor = norm < static_cast<double>(eps) ? static_cast<double>(eps) : norm;
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(static_cast<double>(x[i]) / divisor);
}

}  // namespace

extern const PoolTable pool_generic;
const PoolTable pool_generic = {"pool_generic", Isa::generic, weighted_sum, max, scale, normalize};

}  // namespace tern::kernels
