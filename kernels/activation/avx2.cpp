// SPDX-License-Identifier: Apache-2.0
// Activations, AVX2: act_ps of simd/avx2.inc over contiguous elements, one loop per function
// so that its constants stay in registers.

#include <immintrin.h>
#include <stdint.h>

#include "activation.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

static inline void store(float* y, __m256 v, int64_t n) {
  store_some(y, v, n);
}

static inline void store(uint16_t* y, __m256 v, int64_t n) {
  store_some(y, f32_to_bf16(v), n);
}

template <Act kAct, class Out>
static void apply(const float* x, Out* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) store(y + i, act_ps(kAct, load_some(x + i, n - i)), n - i);
}

template <class Out>
static void activate(Act act, const float* x, Out* y, int64_t n) {
  switch (act) {
    case Act::none:
      return apply<Act::none>(x, y, n);
    case Act::gelu:
      return apply<Act::gelu>(x, y, n);
    case Act::gelu_tanh:
      return apply<Act::gelu_tanh>(x, y, n);
    case Act::quick_gelu:
      return apply<Act::quick_gelu>(x, y, n);
    case Act::relu:
      return apply<Act::relu>(x, y, n);
    case Act::tanh:
      return apply<Act::tanh>(x, y, n);
    case Act::silu:
      return apply<Act::silu>(x, y, n);
    case Act::sigmoid:
      return apply<Act::sigmoid>(x, y, n);
  }
}

extern const ActivationTable activation_avx2;
const ActivationTable activation_avx2 = {"activation_avx2", Isa::avx2, activate<float>,
                                         activate<uint16_t>};

}  // namespace tern::kernels
