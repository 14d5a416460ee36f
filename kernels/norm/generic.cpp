// SPDX-License-Identifier: Apache-2.0
// layer_norm by its definition: sums in double, ascending columns. The oracle of the other
// variants; formula and layout are in norm.h.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

void norm_row(const LayerNormArgs& a, const float* x, float* y, uint16_t* y_bf16) {
  double sum = 0;
  for (int64_t j = 0; j < a.cols; ++j) sum += static_cast<double>(x[j]);
  const double mean = sum / static_cast<double>(a.cols);

  double squares = 0;
  for (int64_t j = 0; j < a.cols; ++j) {
    const double centred = static_cast<double>(x[j]) - mean;
    squares += centred * centred;
  }
  const double variance = squares / static_cast<double>(a.cols);
  const double reciprocal = 1 / sqrt(variance + static_cast<double>(a.eps));

  for (int64_t j = 0; j < a.cols; ++j) {
    const double weight = a.weight != nullptr ? static_cast<double>(a.weight[j]) : 1;
    const double bias = a.bias != nullptr ? static_cast<double>(a.bias[j]) : 0;
    const double centred = static_cast<double>(x[j]) - mean;
    y[j] = static_cast<float>(centred * reciprocal * weight + bias);
    if (y_bf16 != nullptr) y_bf16[j] = f32_to_bf16(y[j]);
  }
}

void layer_norm(const LayerNormArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    uint16_t* y_bf16 = a.y_bf16 != nullptr ? a.y_bf16 + i * a.y_stride : nullptr;
    norm_row(a, a.x + i * a.x_stride, a.y + i * a.y_stride, y_bf16);
  }
}

}  // namespace

extern const NormTable norm_generic;
const NormTable norm_generic = {"norm_generic", Isa::generic, layer_norm};

}  // namespace tern::kernels
