// SPDX-License-Identifier: Apache-2.0
// Activations by their definition, one element at a time. The oracle of the other variants.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "activation.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

void activate(Act act, const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = act_f32(act, x[i]);
}

void activate_to_bf16(Act act, const float* x, uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = f32_to_bf16(act_f32(act, x[i]));
}

void activate_bf16(Act act, const uint16_t* x, uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = f32_to_bf16(act_f32(act, bf16_to_f32(x[i])));
}

}  // namespace

extern const ActivationTable activation_generic;
const ActivationTable activation_generic = {"activation_generic", Isa::generic, activate,
                                            activate_to_bf16, activate_bf16};

}  // namespace tern::kernels
