// SPDX-License-Identifier: Apache-2.0
// Weights in blocks along k as they lie in a file or a mapping: row-major [n, k], each row a
// sequence of whole blocks (the last one padded where k is no multiple). Codes q are unsigned here;
// d, m, dmin are f16, whose products with a code's scale are exact in f32. w is one rounding at
// most.
//
//   format        k per  bytes  bytes per  w
//                 block         weight
//   q8_0          32     34     1.0625     d · (q - 128), stored as int8
//   q4_0          32     18     0.5625     d · (q - 8)
//   q4_1          32     20     0.6250     d · q + m
//   q4_k          256    144    0.5625     d · sc · q - dmin · mn; sc, mn 6 bits per 32
//   q5_k          256    176    0.6875     the same with q of 5 bits
//   q6_k          256    210    0.8203     d · sc · (q - 32); sc int8 per 16
//   int8_g128     128    130    1.0156     d · (q - 128), stored as int8
//   int8_g32_zp   32     35     1.0938     d · (q - z), q and z uint8
//   int8_g128_zp  128    131    1.0234     the same
//   int4_g128     128    66     0.5156     d · (q - 8)
//   int4_g32_zp   32     19     0.5938     d · (q - z), z one byte of 0 … 15
//   int4_g128_zp  128    67     0.5234     the same; holds what AWQ and GPTQ (group 128) store
//
// q… are GGUF's blocks bit for bit (ggml's public format description). int… are tern's own:
// {f16 d, [uint8 z,] codes}; of 4-bit codes each 16 bytes hold 32, byte i the code i in its low and
// the code i + 16 in its high half, as q4_0. tern's int8 and int4 of group 32, symmetric, are q8_0
// and q4_0. Called by pack.cpp when weights are packed, and by the gather from quantised tables.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../isa.h"

namespace tern::kernels {

enum class BlockFormat : int {
  q8_0,
  q4_0,
  q4_1,
  q4_k,
  q5_k,
  q6_k,
  int8_g128,
  int8_g32_zp,
  int8_g128_zp,
  int4_g128,
  int4_g32_zp,
  int4_g128_zp,
};
constexpr int kBlockFormats = 12;

struct BlockInfo {
  const char* name;
  int elements, bytes;  // of one block
  bool quantizes;       // quantize_row writes it: all but q4_1 and the k-quants
};

const BlockInfo& block_info(BlockFormat format);

/// Bytes of a row of k weights.
size_t block_row_bytes(BlockFormat format, int64_t k);

/// out[0 … k) = the weights of one row. No alignment is asked for.
void dequantize_row(BlockFormat format, const void* row, int64_t k, float* out);

/// One row of k weights in f32, bf16 or f16 → block_row_bytes(format, k) bytes; zeros past k.
/// Symmetric 8 bits: d = max|w| / 127. Symmetric 4 bits: the d of least squared error among a few
/// divisors of the largest weight, each refined once by least squares. With zero point: d and z
/// from min and max (0 among them). A block with a NaN or an infinity gets d = NaN.
void quantize_row(BlockFormat format, const void* w, Format w_format, int64_t k, void* out);

}  // namespace tern::kernels
