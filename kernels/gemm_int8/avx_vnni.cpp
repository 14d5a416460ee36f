// SPDX-License-Identifier: Apache-2.0
// gemm_int8 for AVX-VNNI: vpdpbusd on ymm registers, for CPUs without AVX-512. In its EVEX form,
// where this file is compiled for AVX-512 VNNI, as the tests do on CPUs that have only that.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "../cache.h"
#include "gemm_int8.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const GemmInt8Table symbol;
#include "gemm_int8.inc"
#undef TERN_VARIANT

#include "avx2.inc"

namespace {

struct DotVnni {
  template <int kBits>
  static inline __attribute__((always_inline)) void add(__m256i& sum, __m256i w, __m256i x) {
#if defined(__AVXVNNI__)
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x));
#else
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
#endif
  }
};

}  // namespace

const GemmInt8Table gemm_int8_avx_vnni =
    table_avx2<DotVnni, 6>("gemm_int8_avx_vnni", Feature::avx_vnni);

}  // namespace tern::kernels
