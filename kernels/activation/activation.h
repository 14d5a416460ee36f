// SPDX-License-Identifier: Apache-2.0
// y[i] = act(x[i]) over n contiguous elements; y may be x where the formats are the same.
// Arithmetic in f32; bf16 results are rounded once.
// Bounds in units of the last place against double precision are stated in simd/ and tested.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct ActivationTable {
  const char* name;  // "activation_avx512"
  Isa isa;
  void (*f32)(Act act, const float* x, float* y, int64_t n);
  void (*f32_to_bf16)(Act act, const float* x, uint16_t* y, int64_t n);
  void (*bf16)(Act act, const uint16_t* x, uint16_t* y, int64_t n);
};

Variants<ActivationTable> activation_variants();

}  // namespace tern::kernels
