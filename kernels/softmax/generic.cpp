// SPDX-License-Identifier: Apache-2.0
// Row softmax by its definition: exponentials and their sum in double, ascending columns. The
// oracle of the other variants; formula and layout are in softmax.h.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "softmax.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

float load(const float* x) {
  return *x;
}
float load(const uint16_t* x) {
  return bf16_to_f32(*x);
}
void store(float* y, float v) {
  *y = v;
}
void store(uint16_t* y, float v) {
  *y = f32_to_bf16(v);
}

template <class X, class Y>
void softmax_row(const X* x, Y* y, int64_t cols) {
  if (cols <= 0) return;
  float max = load(x);
  for (int64_t j = 1; j < cols; ++j) max = load(x + j) > max ? load(x + j) : max;
  const auto weight = [=](int64_t j) {
    return exp(static_cast<double>(load(x + j)) - static_cast<double>(max));
  };
  double sum = 0;
  for (int64_t j = 0; j < cols; ++j) sum += weight(j);
  for (int64_t j = 0; j < cols; ++j) store(y + j, static_cast<float>(weight(j) / sum));
}

template <class X, class Y>
void softmax_rows(const SoftmaxArgs& a) {
  const X* x = static_cast<const X*>(a.x);
  Y* y = static_cast<Y*>(a.y);
  for (int64_t i = 0; i < a.rows; ++i) softmax_row(x + i * a.x_stride, y + i * a.y_stride, a.cols);
}

void softmax(const SoftmaxArgs& a) {
  const bool x_bf16 = a.x_format == Format::bf16, y_bf16 = a.y_format == Format::bf16;
  if (x_bf16)
    return y_bf16 ? softmax_rows<uint16_t, uint16_t>(a) : softmax_rows<uint16_t, float>(a);
  return y_bf16 ? softmax_rows<float, uint16_t>(a) : softmax_rows<float, float>(a);
}

}  // namespace

extern const SoftmaxTable softmax_generic;
const SoftmaxTable softmax_generic = {"softmax_generic", Isa::generic, softmax};

}  // namespace tern::kernels
