// SPDX-License-Identifier: Apache-2.0
// y[i, j] = sum_k x[i, k] · w[j, k] in int8 on both sides (W8A8), then the epilogue of
// kernels/gemm: bias, activation, gate, residual. w [n, k] is packed once by pack() into panels of
// `panel` output columns; x is prepared once, for all products that read it, by quantize_rows().
//
// Both sides go through the same two steps, row by row along k:
//
//   rotate     Where k is a multiple of 16, each block of 16 p consecutive elements is multiplied
//              by a Hadamard matrix, p the largest power of two up to 16 that divides k / 16:
//              elements whose numbers have the same remainder by 4 are mixed by the matrix of size
//              4 p over sqrt(4 p). It is orthogonal, so x · w stays what it is, but outliers are
//              spread (QuaRot, Ashkboos 2024). Any other k is left as it is.
//   quantise   Groups of consecutive k, the last one shorter, each with its scale: q = v times
//              (127 / max|v|), rounded to nearest even, an int8 in [-127, 127]; the scale is
//              max|v| / 127. (v is not divided by sqrt(4 p), the scale is.) Groups whose largest
//              magnitude is below 2^-118 become zeros. A group of w is 64 k, of x all k, where
//              k < 512; else 128 and 256.
//
// A group of x is whole groups of w. For each, in ascending order, with b = 128 + qx as stored,
//
//   t = -128 · sum of sw · sum_k qw[k]             over the groups of w in it, known from packing
//   t = fma( f32( sum_k b[k] · qw[k] ), sw, t )    for each of those; the sum is an exact int32
//   y = fma( t, sx, y )
//
// so y has the same bits in every variant on every CPU, and depends on k alone, never on m, n or
// the rectangle. (Activations other than none and relu differ by units of the last place.) A group
// with a NaN or an infinity makes its whole row, or column, of y NaN.
//
// A call computes one rectangle; who hands out rectangles cuts columns at panel borders and rows
// anywhere, best at multiples of `rows`.
// Memory: prepared rows are 4-byte aligned, b is 64-byte aligned, x and w need no alignment.
// Nothing outside the rectangle is read or written (pack fills the last panel up).
#pragma once

#include "../gemm/gemm.h"

namespace tern::kernels {

struct Int8Rows {
  const void* x;  // [m, k] f32 or bf16, rows ldx elements apart
  Format format;
  int64_t ldx, m, k;
  void* out;  // m rows of row_bytes(k), ld_out bytes apart; both multiples of 4
  int64_t ld_out;
};

struct GemmInt8Args {
  int64_t m, n, k;
  const void* a;  // m rows as quantize_rows wrote them, lda bytes apart
  int64_t lda;
  const void* b;  // the packed panel of column 0 of this rectangle
  Epilogue out;
};

struct GemmInt8Table {
  const char* name;  // "gemm_int8_avx512_vnni"
  Isa isa;
  Feature needs;  // beyond isa
  int panel;      // columns per panel, even
  int rows;       // rows of the largest register tile
  size_t (*packed_bytes)(int64_t n, int64_t k);
  void (*pack)(const GemmPack&);  // the same bytes by every table
  size_t (*row_bytes)(int64_t k);
  void (*quantize_rows)(const Int8Rows&);  // likewise
  void (*run)(const GemmInt8Args&);
};

/// All variants, best first.
Variants<GemmInt8Table> gemm_int8_variants();

}  // namespace tern::kernels
