// SPDX-License-Identifier: Apache-2.0
// Activations, AVX-512: act_ps of simd/avx512.inc over contiguous elements, one loop per function
// so that its constants stay in registers.

#include <immintrin.h>
#include <stdint.h>

#include "activation.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

static inline void store(float* y, __mmask16 k, __m512 v) {
  _mm512_mask_storeu_ps(y, k, v);
}

static inline void store(uint16_t* y, __mmask16 k, __m512 v) {
  _mm256_mask_storeu_epi16(y, k, f32_to_bf16(v));
}

template <Act kAct, class Out>
static void apply(const float* x, Out* y, int64_t n) {
  const __mmask16 all = 0xffff;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, all, act_ps(kAct, _mm512_loadu_ps(x + i)));
  if (i < n) {
    const __mmask16 k = tail_mask(n - i);
    store(y + i, k, act_ps(kAct, _mm512_maskz_loadu_ps(k, x + i)));
  }
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

extern const ActivationTable activation_avx512;
const ActivationTable activation_avx512 = {"activation_avx512", Isa::avx512, activate<float>,
                                           activate<uint16_t>};

}  // namespace tern::kernels
