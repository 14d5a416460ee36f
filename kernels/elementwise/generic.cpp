// SPDX-License-Identifier: Apache-2.0
// Sums and conversions by their definition, one element at a time. The other variants give the same
// bits.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "elementwise.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

void add(const float* a, const float* b, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

void add_bf16(const uint16_t* a, const uint16_t* b, uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = f32_to_bf16(bf16_to_f32(a[i]) + bf16_to_f32(b[i]));
}

void scale(const float* x, float factor, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

void add_scaled(const float* x, float factor, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] + factor * x[i];
}

float load(const void* x, Format format, int64_t i) {
  switch (format) {
    case Format::f32:
      return static_cast<const float*>(x)[i];
    case Format::bf16:
      return bf16_to_f32(static_cast<const uint16_t*>(x)[i]);
    case Format::f16:
      return f16_to_f32(static_cast<const uint16_t*>(x)[i]);
  }
  return 0;
}

void store(float value, void* y, Format format, int64_t i) {
  switch (format) {
    case Format::f32:
      static_cast<float*>(y)[i] = value;
      return;
    case Format::bf16:
      static_cast<uint16_t*>(y)[i] = f32_to_bf16(value);
      return;
    case Format::f16:
      static_cast<uint16_t*>(y)[i] = f32_to_f16(value);
      return;
  }
}

void convert(const void* x, Format from, void* y, Format to, int64_t n) {
  if (n <= 0) return;
  if (from == to) {
    memcpy(y, x, static_cast<size_t>(n) * (from == Format::f32 ? 4 : 2));
    return;
  }
  for (int64_t i = 0; i < n; ++i) store(load(x, from, i), y, to, i);
}

template <class X>
void to_f32(const X* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}

}  // namespace

extern const ElementwiseTable elementwise_generic;
const ElementwiseTable elementwise_generic = {"elementwise_generic",
                                              Isa::generic,
                                              add,
                                              add_bf16,
                                              scale,
                                              add_scaled,
                                              convert,
                                              to_f32<double>,
                                              to_f32<int8_t>,
                                              to_f32<uint8_t>};

}  // namespace tern::kernels
