// SPDX-License-Identifier: Apache-2.0
// Rows of keys and values in int8; see attention.h.
#include <math.h>
#include <string.h>

#include "attention.h"

namespace tern::kernels {

#include "../simd/generic.inc"

namespace {

uint32_t float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// Adding it rounds a float below 2^22 to an integer, ties to even, as the compiler can vectorise.
constexpr float kRound = 0x1.8p23f;
constexpr float kLeast = 0x1p-120f;

void quantize(const float* x, int64_t n, int8_t* out) {
  // Magnitudes have the order of their bits, of which a maximum can be vectorised; infinities and
  // NaNs are above all others.
  uint32_t most = 0;
  for (int64_t i = 0; i < n; i++) {
    const uint32_t magnitude = float_bits(x[i]) & 0x7fffffff;
    most = magnitude > most ? magnitude : most;
  }
  const bool bad = most >= 0x7f800000;
  float largest;
  memcpy(&largest, &most, sizeof largest);
  float scale = bad ? NAN : largest / 127;
  float inverse = 127 / largest;
  if (bad || largest < kLeast) {
    inverse = 0;
    scale = bad ? NAN : 0;
  }
  for (int64_t i = 0; i < n; i++) {
    const float rounded = (bad ? 0 : x[i]) * inverse + kRound - kRound;
    out[i] = static_cast<int8_t>(static_cast<int>(rounded));
  }
  memcpy(out + n, &scale, sizeof scale);
}

}  // namespace

void quantize_kv_row(const void* x, Format format, int64_t head_dim, void* out) {
  if (format == Format::f32) {
    return quantize(static_cast<const float*>(x), head_dim, static_cast<int8_t*>(out));
  }
  float wide[256];
  for (int64_t i = 0; i < head_dim; i++) wide[i] = bf16_to_f32(static_cast<const uint16_t*>(x)[i]);
  quantize(wide, head_dim, static_cast<int8_t*>(out));
}

}  // namespace tern::kernels
