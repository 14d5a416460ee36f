// SPDX-License-Identifier: Apache-2.0
// Rotary embedding by its definition, pair by pair. The other variants give the same bits.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "rope.h"

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

template <class T>
void rotate_head(const RopeArgs& a, const T* x, T* y, const float* c, const float* s) {
  const int64_t pairs = a.rotary_dim / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    const int64_t first = a.interleaved ? 2 * i : i;
    const int64_t second = a.interleaved ? 2 * i + 1 : i + pairs;
    const float p = load(x + first), q = load(x + second);
    store(y + first, p * c[i] - q * s[i]);
    store(y + second, q * c[i] + p * s[i]);
  }
  for (int64_t i = a.rotary_dim; i < a.head_dim; ++i) y[i] = x[i];
}

template <class T>
void rotate_all(const RopeArgs& a) {
  for (int64_t t = 0; t < a.tokens; ++t) {
    const int64_t row = (a.positions != nullptr ? a.positions[t] : t) * (a.rotary_dim / 2);
    for (int64_t h = 0; h < a.heads; ++h) {
      const T* x = static_cast<const T*>(a.x) + t * a.x_token_stride + h * a.x_head_stride;
      T* y = static_cast<T*>(a.y) + t * a.y_token_stride + h * a.y_head_stride;
      rotate_head(a, x, y, a.cos + row, a.sin + row);
    }
  }
}

void rotate(const RopeArgs& a) {
  if (a.format == Format::bf16) return rotate_all<uint16_t>(a);
  rotate_all<float>(a);
}

}  // namespace

extern const RopeTable rope_generic;
const RopeTable rope_generic = {"rope_generic", Isa::generic, rotate};

}  // namespace tern::kernels
