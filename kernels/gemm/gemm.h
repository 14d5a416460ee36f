// SPDX-License-Identifier: Apache-2.0
// y[i, j] = act( sum_k x[i, k] · w[j, k]  + bias[j] ) + residual[i, j]
//
// x is [m, k] row-major; w is a Linear's weight [n, k], packed once by pack() into panels of
// `panel` output columns. A call computes one rectangle of y with its own register tiles and cache
// blocking; who hands out rectangles (engine/cpu) cuts columns at panel borders and may cut rows
// anywhere, best at multiples of `rows`.
//
// The sum over k is one fixed-order chain per output element that depends on k and the table only,
// never on m, n or the rectangle. f32: fused multiply-adds in ascending k. bf16: fp32 accumulation
// of products of bf16 pairs.
//
// Memory: a, c, bias, residual need no alignment; b is 64-byte aligned. Nothing outside the
// rectangle is read or written (pack pads the last panel with zeros). c may alias residual.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct GemmPack {
  const void* w;      // [n, k] row-major, rows w_stride elements apart
  Format w_format;    // any of f32, bf16, f16: widened or rounded to the table's format
  int64_t w_stride;
  int64_t n, k;
  void* out;          // packed_bytes(n, k) bytes, 64-byte aligned
  int64_t panel_begin, panel_end;  // only these panels are written (for threads)
};

struct GemmArgs {
  int64_t m, n, k;
  const void* a;           // [m, k] in a_format, rows lda elements apart
  int64_t lda;
  const void* b;           // the packed panel of column 0 of this rectangle
  void* c;                 // [m, n] in c_format (f32 or bf16), rows ldc elements apart
  Format c_format;
  int64_t ldc;
  const float* bias;       // [n] or null
  const float* residual;   // [m, n], rows ld_residual elements apart, or null; added after act
  int64_t ld_residual;
  Act act;
};

struct GemmTable {
  const char* name;   // "gemm_f32_avx512"
  Isa isa;
  Format a_format;    // of x, and what the weights are packed as
  int panel;          // columns per panel
  int rows;           // rows of the largest register tile
  size_t (*packed_bytes)(int64_t n, int64_t k);
  void (*pack)(const GemmPack&);
  void (*run)(const GemmArgs&);
};

/// All variants for x of this format (f32 or bf16), best first.
Variants<GemmTable> gemm_variants(Format a_format);

}  // namespace tern::kernels
