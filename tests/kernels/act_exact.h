// SPDX-License-Identifier: Apache-2.0
// The activations of kernels/isa.h by their formulas, in double. NaN stays NaN.
#pragma once

#include <cmath>

#include "../../kernels/isa.h"

namespace tern::test {

inline double act_exact(kernels::Act act, double x) {
  using kernels::Act;
  switch (act) {
    case Act::none:
      return x;
    case Act::gelu:
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Act::gelu_tanh:  // 1 + tanh(z) = 2 / (1 + exp(-2z)), which does not cancel
      return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Act::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Act::relu:
      return x > 0 || std::isnan(x) ? x : 0;
    case Act::tanh:
      return std::tanh(x);
    case Act::silu:
      return x / (1 + std::exp(-x));
    case Act::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

}  // namespace tern::test
