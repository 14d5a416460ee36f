// SPDX-License-Identifier: Apache-2.0
// y[i, j] = sum_k x[i, k] · w[j, k], then the epilogue of kernels/gemm: bias, activation, gate,
// residual; w [n, k] in one of the block formats of blocks.h, packed once by pack() into panels of
// 32 output columns and kept quantised: codes are unpacked in registers. Panels are the same bytes
// for every table, a8 or a16, on every CPU (panel.inc), and within 3 % of the file's size.
//
// x is prepared once for all products that read it: quantize_rows() turns each row into
// ceil(k / 32) groups of 32 k. With code q, zero z, scale s = d or d · sc and minimum o = m or
// -dmin · mn of blocks.h, groups of k ascending:
//
//   a8    x[k] ≈ sx · c[k], c int8, sx = max|x| / 127 over 32 k. For each 32 k (q6_k: 16 k)
//         y = fma( f32( sum_k (q[k] - z) · c[k] ), s · sx, y )       the sum is an exact int32
//         y = fma( o, f32( sum_k c[k] ) · sx, y )                    formats with a minimum
//   a16   x is f32, or bf16 widened. For each 16 k a chain of fused multiply-adds over ascending k
//         y = fma( sum_k x[k] · (q[k] - z), s, y )                   symmetric formats
//         y = fma( sum_k x[k] · q[k], s, y )                         others; then for each 32 k
//         y = fma( o, sum_k x[k], y )                                o = -z · s with zero point
//
// So the bits before the activation are the same in every variant of a8, and in every variant of
// a16, and depend on the format and on k only, never on m, n or the rectangle.
// A group of x with a NaN or an infinity makes its whole row of y NaN (a8).
//
// A call computes one rectangle; who hands out rectangles cuts columns at panel borders.
// Memory: a is 4-byte aligned, b needs no alignment (64 bytes are faster). Nothing outside the
// rectangle is read or written (pack pads the last panel with zeros).
#pragma once

#include "../gemm/epilogue.h"
#include "../registry.h"
#include "blocks.h"

namespace tern::kernels {

enum class BlockActivation : int { a8, a16 };

struct BlockPack {
  BlockFormat format;
  const void* w;             // rows of blocks, as in the file; or of weights to quantise
  const void* up = nullptr;  // null; or w is the gate [n / 2, k] and this the other half, alike:
                             // column 2j is row j of w, column 2j + 1 row j of up
  bool quantize = false;     // the rows are weights in w_format
  Format w_format = Format::f32;
  int64_t row_bytes;               // from row to row
  int64_t n, k;                    // of the packed matrix: n counts rows of w and up together
  void* out;                       // packed_bytes(format, n, k) bytes
  int64_t panel_begin, panel_end;  // only these panels are written (for threads)
};

struct BlockRows {
  const void* x;  // [m, k] f32 or bf16, rows ldx elements apart
  Format format;
  int64_t ldx, m, k;
  void* out;  // m rows of row_bytes(k), ld_out bytes apart; both multiples of 4
  int64_t ld_out;
};

struct GemmBlockArgs {
  BlockFormat format;
  int64_t m, n, k;
  const void* a;  // m rows as quantize_rows wrote them, lda bytes apart
  int64_t lda;
  const void* b;  // the packed panel of column 0 of this rectangle
  Epilogue out;
};

struct GemmBlockTable {
  const char* name;  // "gemm_block_a8_avx512_vnni"
  Isa isa;
  BlockActivation activation;
  int panel;  // columns per panel
  int rows;   // rows of the largest register tile
  size_t (*packed_bytes)(BlockFormat format, int64_t n, int64_t k);
  void (*pack)(const BlockPack&);
  size_t (*row_bytes)(int64_t k);
  void (*quantize_rows)(const BlockRows&);
  void (*run)(const GemmBlockArgs&);
};

/// All variants, best first.
Variants<GemmBlockTable> gemm_block_variants(BlockActivation activation);

/// Of every table. Portable code; the bytes do not depend on the CPU.
size_t block_packed_bytes(BlockFormat format, int64_t n, int64_t k);
void pack_blocks(const BlockPack& p);

}  // namespace tern::kernels
