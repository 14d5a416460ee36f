// SPDX-License-Identifier: Apache-2.0
// What becomes of the sums y [m, n] of a matrix product before they reach memory. The gemm
// families share this contract; y is numbered from the rectangle's first row and column.
//
//   gate = false   c[i, j] = act( y[i, j] + bias[j] ) + residual[i, j]            c is [m, n]
//   gate = true    c[i, j] = act( y[i, 2j] + bias[2j] ) · ( y[i, 2j+1] + bias[2j+1] )
//                            + residual[i, j]                                     c is [m, n / 2]
//
// Gate and up alternate column by column (pack() weaves them), so a pair never leaves a vector,
// whatever the panel; n is even then. Every step rounds once, in the order written.
//
// Nothing outside c, bias and residual is touched; they need no alignment. c may alias residual
// (f32, same stride).
#pragma once

#include <stdint.h>

#include "../isa.h"

namespace tern::kernels {

struct Epilogue {
  void* c;  // in c_format (f32 or bf16), rows ldc elements apart
  Format c_format;
  int64_t ldc;
  const float* bias = nullptr;      // [n] (with gate: woven like the columns) or null
  const float* residual = nullptr;  // the shape of c, rows ld_residual elements apart, or null
  int64_t ld_residual = 0;
  Act act = Act::none;
  bool gate = false;
};

}  // namespace tern::kernels
