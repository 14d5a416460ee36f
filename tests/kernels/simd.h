// SPDX-License-Identifier: Apache-2.0
// The functions of kernels/simd/<isa>.inc as a table, so that a test can reach them: simd_avx2.cpp
// and simd_avx512.cpp are compiled with the flags of their level, simd.cpp is not.
#pragma once

#include <stdint.h>

#include "../../kernels/isa.h"

namespace tern::test {

struct SimdFunctions {
  const char* name;
  kernels::Isa isa;
  int lanes;
  /// Over n floats, n a multiple of lanes.
  void (*exp)(const float* x, float* y, int64_t n);
  void (*erf)(const float* x, float* y, int64_t n);
  /// Over `lanes` floats.
  float (*reduce_add)(const float* x);
  float (*reduce_max)(const float* x);
  /// Bit i is set when lane i belongs to the first n.
  uint32_t (*tail_mask)(int64_t n);
};

extern const SimdFunctions simd_avx2, simd_avx512;

}  // namespace tern::test
