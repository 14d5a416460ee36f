// SPDX-License-Identifier: Apache-2.0
// Tensors in blocks (base/dtype.h) as numbers. Exact but for one rounding where a format has
// a minimum, and one to 16 bits.
#pragma once

#include "tensor.h"

namespace tern {

/// x, dense and of a type of blocks, as dense f32, bf16 or f16 in pages of its own. The pages of a
/// file mapping are given back as they are read.
TERN_API Tensor dequantized(const Tensor& x, DType dtype = DType::f32);

/// Whether products and lookups run from blocks of this type.
TERN_API bool has_products(DType dtype) noexcept;
/// x, of a type of blocks, as one that has products: itself; or a copy that holds the same weights
/// (Q5_0 as Q8_0, Q3_K as Q6_K); or, where there is none (Q5_1, Q2_K), as `otherwise`.
TERN_API Tensor with_products(const Tensor& x, DType otherwise);

}  // namespace tern
