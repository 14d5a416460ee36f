// SPDX-License-Identifier: Apache-2.0
// layer_norm (Ba 2016), per row: y = (x - mean) / sqrt(var + eps) · weight + bias, var biased,
// two passes (mean, then centred squares). f32 in and out; rows are reduced in a fixed order.
// y may alias x. y_bf16, when not null, gets the same rows rounded to bf16.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct LayerNormArgs {
  int64_t rows, cols;
  const float* x;
  int64_t x_stride;        // elements
  const float* weight;     // [cols] or null (ones)
  const float* bias;       // [cols] or null (zeros)
  float eps;
  float* y;
  int64_t y_stride;
  uint16_t* y_bf16;        // or null; rows y_stride apart
};

struct NormTable {
  const char* name;        // "norm_avx512"
  Isa isa;
  void (*layer_norm)(const LayerNormArgs&);
};

Variants<NormTable> norm_variants();

}  // namespace tern::kernels
