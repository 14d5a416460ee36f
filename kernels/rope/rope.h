// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding (Su 2021) of x [tokens, heads, head_dim]. With c, s = cos, sin of row
// positions[t] and pair i < rotary_dim / 2:
//   halves       (x[i], x[i + rotary_dim/2])   GPT-NeoX, Llama: Transformers' rotate_half
//   interleaved  (x[2i], x[2i + 1])            the paper, GPT-J
//   (a, b) -> (a·c - b·s, b·c + a·s)
// Dimensions from rotary_dim on are copied. Products and sums are rounded one by one in f32, the
// result once to bf16: every variant has the same bits, which in f32 are torch's.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct RopeArgs {
  int64_t tokens, heads, head_dim;
  int64_t rotary_dim;  // even, <= head_dim
  bool interleaved;
  Format format;  // of x and y: f32 or bf16
  const void* x;
  int64_t x_token_stride, x_head_stride;  // elements
  void* y;                                // may be x
  int64_t y_token_stride, y_head_stride;
  const float *cos, *sin;    // [positions, rotary_dim / 2], from rope_angles
  const int64_t* positions;  // [tokens] rows of cos and sin; null: 0, 1, 2, …
};

struct RopeAngles {
  int64_t first, count;    // positions
  int64_t pairs;           // rotary_dim / 2
  const float* inv_freq;   // [pairs], scaled as the model has it
  float attention_factor;  // multiplies both
  float *cos, *sin;        // [count, pairs]
};

struct RopeTable {
  const char* name;  // "rope_avx512"
  Isa isa;
  void (*rotate)(const RopeArgs&);
};

Variants<RopeTable> rope_variants();

/// cos and sin of the f32 product position · inv_freq, as Transformers forms it, computed in
/// double. For bf16 Transformers rounds the tables to bf16; a caller that wants that does so to
/// them.
void rope_angles(const RopeAngles& a);

}  // namespace tern::kernels
