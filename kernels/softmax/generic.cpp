// SPDX-License-Identifier: Apache-2.0
// Row softmax by its definition: exponentials and their sum in double, ascending columns. The
// oracle of the other variants; formula and layout are in softmax.h.

#include <math.h>
#include <stdint.h>

#include "softmax.h"

namespace tern::kernels {
namespace {

void softmax_row(const float* x, float* y, int64_t cols) {
  if (cols <= 0) return;
  float max = x[0];
  for (int64_t j = 1; j < cols; ++j) max = x[j] > max ? x[j] : max;

  double sum = 0;
  for (int64_t j = 0; j < cols; ++j) {
    sum += exp(static_cast<double>(x[j]) - static_cast<double>(max));
  }
  for (int64_t j = 0; j < cols; ++j) {
    const double weight = exp(static_cast<double>(x[j]) - static_cast<double>(max));
    y[j] = static_cast<float>(weight / sum);
  }
}

void softmax(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
             int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) softmax_row(x + i * x_stride, y + i * y_stride, cols);
}

}  // namespace

extern const SoftmaxTable softmax_generic;
const SoftmaxTable softmax_generic = {"softmax_generic", Isa::generic, softmax};

}  // namespace tern::kernels
