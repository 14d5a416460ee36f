// SPDX-License-Identifier: Apache-2.0
// Element by element over n contiguous elements: sums, multiples, conversions between formats.
// f32 → bf16 and f32 → f16 round to nearest even; NaN stays NaN (quiet).
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct ElementwiseTable {
  const char* name;  // "elementwise_avx512"
  Isa isa;
  /// y = a + b; y may alias either.
  void (*add)(const float* a, const float* b, float* y, int64_t n);
  /// In f32, rounded once.
  void (*add_bf16)(const uint16_t* a, const uint16_t* b, uint16_t* y, int64_t n);
  /// y = factor · x; y may be x.
  void (*scale)(const float* x, float factor, float* y, int64_t n);
  /// y += factor · x, rounded twice; y must not overlap x.
  void (*add_scaled)(const float* x, float factor, float* y, int64_t n);
  /// y = x in another format; the formats differ or are the same (a copy).
  void (*convert)(const void* x, Format from, void* y, Format to, int64_t n);
  /// y = x rounded to nearest even; integers are exact.
  void (*f64_to_f32)(const double* x, float* y, int64_t n);
  void (*i8_to_f32)(const int8_t* x, float* y, int64_t n);
  void (*u8_to_f32)(const uint8_t* x, float* y, int64_t n);
};

Variants<ElementwiseTable> elementwise_variants();

}  // namespace tern::kernels
