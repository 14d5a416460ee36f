// SPDX-License-Identifier: Apache-2.0
// GGUF's block formats that no product reads as they are: to floats, and, where that is exact, to a
// format of blocks.h that has products. Rows are sequences of whole blocks, as in blocks.h.
//
//   format  k per  bytes  w                               w as blocks.h has it
//           block
//   q5_0    32     22     d · (q - 16), q 5 bits          q8_0, the same d
//   q5_1    32     24     d · q + m                       none
//   q2_k    256    84     d · sc · q - dmin · mn;         none
//                         sc, mn 4 bits per 16
//   q3_k    256    110    d · sc · (q - 4), q 3 bits;     q6_k, the same d and sc
//                         sc int8 of 6 bits per 16
//
// d, m, dmin are f16; w is one rounding at most. Called when weights are loaded.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "blocks.h"

namespace tern::kernels {

enum class UnpackFormat : int { q5_0, q5_1, q2_k, q3_k };

/// out[0 … k) = the weights of one row; k is a multiple of the block.
void unpack_row(UnpackFormat format, const void* row, int64_t k, float* out);

/// The same weights as rows of another format; for q5_0 (as q8_0) and q3_k (as q6_k) only.
void repack_row(UnpackFormat format, const void* row, int64_t k, void* out);

}  // namespace tern::kernels
