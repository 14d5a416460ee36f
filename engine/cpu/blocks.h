// SPDX-License-Identifier: Apache-2.0
// Types of blocks as the kernels know them. Called by engine/blocks.cpp, pack.cpp and the lookup of
// embeddings.
#pragma once

#include <optional>

#include "../../kernels/gemm_block/unpack.h"
#include "../base/dtype.h"

namespace tern::cpu {

/// The format whose kernels multiply rows of this type as they are.
std::optional<kernels::BlockFormat> product_format(DType dtype) noexcept;
/// Rows of a type of blocks in f32.
void dequantize_row(DType dtype, const void* row, int64_t k, float* out) noexcept;

}  // namespace tern::cpu
