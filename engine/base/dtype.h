// SPDX-License-Identifier: Apache-2.0
// Element types of tensors: all that safetensors can name, the blocks of GGUF files, and those that
// weights of AWQ and GPTQ become. Sub-byte types are packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api.h"

namespace tern {

enum class DType : uint8_t {
  boolean, u8, i8, i16, u16, i32, u32, i64, u64,
  f16, bf16, f32, f64, c64,
  f8_e4m3, f8_e5m2, f8_e8m0, f6_e2m3, f6_e3m2, f4,
  q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k,
  int4_g32_zp, int4_g128_zp, int8_g32_zp, int8_g128_zp,
};

/// Bits of one element: 4 for f4, 6 for f6_*, else a multiple of 8; 0 for blocks, where an element
/// does not stand alone.
TERN_API size_t bits(DType dtype) noexcept;

/// Blocks, ggml's and tern's own (kernels/gemm_block/blocks.h): so many neighbours of a row in so
/// many bytes. Of another type elements is 0.
struct BlockSize {
  size_t elements = 0, bytes = 0;
  explicit operator bool() const noexcept { return elements > 0; }
};
TERN_API BlockSize block_size(DType dtype) noexcept;
/// Bytes of k neighbours of a row: of whole blocks, or of elements that fill their bytes.
TERN_API size_t row_bytes(DType dtype, size_t k) noexcept;

/// The name in a safetensors header, of blocks that in ggml: "F32", "BF16", "BOOL", …
TERN_API std::string_view safetensors_name(DType dtype) noexcept;
/// Of no blocks: safetensors has none.
TERN_API std::optional<DType> dtype_from_safetensors(std::string_view name) noexcept;

/// The name in a config or an argument: "float32", "bfloat16", … ("torch." in front is accepted);
/// blocks have none to be read by.
TERN_API std::string_view to_string(DType dtype) noexcept;
TERN_API std::optional<DType> dtype_from_string(std::string_view name) noexcept;

/// Blocks too.
TERN_API bool is_floating(DType dtype) noexcept;

}  // namespace tern
