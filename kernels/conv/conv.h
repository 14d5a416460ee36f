// SPDX-License-Identifier: Apache-2.0
// Convolution of one image (cross-correlation, as deep learning has it); conv1d is h = 1.
//   y[r, q, o] = act( bias[o] + sum over kh, kw, i of
//                     x[r·stride_h - pad_top + kh·dilation_h, q·stride_w - pad_left +
//                     kw·dilation_w,
//                       first(o) + i] · w[o, i, kh, kw] )  (+ residual[r, q, o], before or after
//                       act)
// where i runs over the in_c / groups channels of o's group. A tap outside the image reads zero.
//
// y and residual lie channels-last. x lies channels-last, or planar ([c, h, w], what an image
// decoder or a feature extractor delivers) for a model's first layer. Weights are packed once from
// PyTorch's layout [out_c, in_c / groups, kernel_h, kernel_w] into panels of output channels;
// a call computes a rectangle: output rows x output columns x panels. There is no im2col: a call
// at most copies a block of input rows, borders filled with zeros, to `scratch`; Winograd's has the
// transformed block and weights there, and their products.
//
// One element is one chain of fused multiply-adds from +0 whose order depends on the shape and the
// table only, never on the rectangle: kh, kw, i ascending (planar with dilation_w 1: i, kh, kw). A
// tap on padding adds nothing: it is left out or multiplied by zero, which is the same for finite
// weights (weights that are not finite make border elements unspecified). A sum of -0 counts as +0.
//
// AVX-512 has two orders more, for in = in_c / groups and out = out_c / groups channels:
// - kh, i, kw where groups > 1, kernel_w = 3, stride_w <= 2, dilation_w = 1, and in = out is 4 or
// 8, or
//   in = 16 and out <= 16;
// - Winograd's F(2x2, 3x3), whose sums winograd_avx512.inc states, where kernel_h = kernel_w = 3,
//   strides and dilations are 1, x is not planar, in and out are 16 or more (or both 8, groups >
//   1), and the output is cut into 16 or more tiles of 2x2 that are three quarters full. Its error
//   is bounded by n u / (1 - n u) times the sum of the magnitudes of its terms, n = in + 11, u =
//   2^-24 (tests/kernels/conv_oracle.h). An element whose result is not finite is its chain
//   instead.
//
// Memory: x, y, bias, residual need no alignment, packed weights and scratch 64 bytes. Nothing
// outside the rectangle is written and nothing outside x is read. y may alias residual.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct ConvShape {
  int64_t in_h, in_w, in_c;
  int64_t out_h, out_w, out_c;  // any size: what the window reads beyond the image is zero
  int64_t kernel_h, kernel_w;
  int64_t stride_h, stride_w;
  int64_t pad_top, pad_left;
  int64_t dilation_h, dilation_w;
  int64_t groups;  // divides in_c and out_c
  bool planar;     // of x; needs groups == 1
};

struct ConvPack {
  const ConvShape* shape;
  const void* w;       // [out_c, in_c / groups, kernel_h, kernel_w], dense
  Format w_format;     // any of f32, bf16, f16: widened or rounded to the table's format
  const float* scale;  // [out_c] or null: w[o] is multiplied by it first (batch norm)
  void* out;           // packed_bytes() bytes, 64-byte aligned
  int64_t panel_begin, panel_end;  // only these panels are written (for threads)
};

struct ConvArgs {
  const ConvShape* shape;
  const void* x;           // element [0, 0, 0], in x_format
  int64_t x_row, x_pixel;  // elements between rows and pixels; channels are adjacent
  int64_t x_channel;       // planar: between channels, and pixels are adjacent
  const void* w;           // all packed panels
  void* y;                 // element [0, 0, 0], in y_format (f32 or bf16)
  Format y_format;
  int64_t y_row, y_pixel;
  const float* bias;      // [out_c] or null
  const float* residual;  // element [0, 0, 0] or null
  int64_t residual_row, residual_pixel;
  Act act;
  bool residual_first;  // act(conv + bias + residual), else act(conv + bias) + residual
  void* scratch;        // scratch_bytes() bytes of this call's own
  int64_t row_begin, row_end, column_begin, column_end, panel_begin, panel_end;
};

struct ConvTable {
  const char* name;  // "conv_f32_avx512"
  Isa isa;
  Format x_format;  // of x, and what the weights are packed as
  int64_t (*panels)(const ConvShape&);
  // Rows that are computed together (Winograd: from weights transformed for each rectangle).
  int64_t (*row_step)(const ConvShape&);
  int64_t (*row_block)(const ConvShape&);  // rectangles best begin at multiples of these
  int64_t (*column_block)(const ConvShape&);
  size_t (*packed_bytes)(const ConvShape&);
  size_t (*scratch_bytes)(const ConvShape&);
  void (*pack)(const ConvPack&);
  void (*run)(const ConvArgs&);
};

/// All variants for x of this format (f32 or bf16), best first.
Variants<ConvTable> conv_variants(Format x_format);

}  // namespace tern::kernels
