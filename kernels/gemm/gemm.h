// SPDX-License-Identifier: Apache-2.0
// y[i, j] = sum_k x[i, k] · w[j, k], then the epilogue: bias, activation, gate, residual.
//
// x is [m, k] row-major; w is a Linear's weight [n, k], packed once by pack() into panels of
// `panel` output columns. A call computes one rectangle of y with its own register tiles and cache
// blocking; who hands out rectangles (engine/cpu) cuts columns at panel borders and may cut rows
// anywhere, best at multiples of `rows`.
//
// The sum over k is one fixed-order chain per output element that depends on k and the table only,
// never on m, n or the rectangle. x in f32: fused multiply-adds in ascending k, weights of 16 bits
// widened exactly. x in bf16: the same, or by vdpbf16ps fp32 accumulation of products of pairs.
//
// Memory: a needs no alignment; b is 64-byte aligned. Nothing outside the rectangle is read or
// written (pack pads the last panel with zeros).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../registry.h"
#include "epilogue.h"

namespace tern::kernels {

struct GemmPack {
  const void* w;             // [n, k] row-major, rows w_stride elements apart
  const void* up = nullptr;  // null; or w is the gate [n / 2, k] and this the other half, alike:
                             // column 2j is row j of w, column 2j + 1 row j of up
  Format w_format;           // any of f32, bf16, f16: widened or rounded to the table's b_format
  int64_t w_stride;
  int64_t n, k;                    // of the packed matrix: n counts rows of w and up together
  void* out;                       // packed_bytes(n, k) bytes, 64-byte aligned
  int64_t panel_begin, panel_end;  // only these panels are written (for threads)
};

struct GemmArgs {
  int64_t m, n, k;
  const void* a;  // [m, k] in a_format, rows lda elements apart
  int64_t lda;
  const void* b;  // the packed panel of column 0 of this rectangle
  Epilogue out;
};

struct GemmTable {
  const char* name;  // "gemm_f32_f16_avx512": x in f32, weights in f16
  Isa isa;
  Format a_format;  // of x
  Format b_format;  // of the packed weights
  int panel;        // columns per panel, even
  int rows;         // rows of the largest register tile
  size_t (*packed_bytes)(int64_t n, int64_t k);
  void (*pack)(const GemmPack&);
  void (*run)(const GemmArgs&);
};

/// All variants for x and packed weights of these formats, best first: f32 with f32, f16 or bf16;
/// bf16 with bf16. Empty for any other pair.
Variants<GemmTable> gemm_variants(Format a_format, Format b_format);

}  // namespace tern::kernels
