// SPDX-License-Identifier: Apache-2.0
// Element types of tensors: all that safetensors can name. Sub-byte types are packed.
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
};

/// Bits of one element: 4 for f4, 6 for f6_*, else a multiple of 8.
TERN_API size_t bits(DType dtype) noexcept;

/// The name in a safetensors header: "F32", "BF16", "BOOL", …
TERN_API std::string_view safetensors_name(DType dtype) noexcept;
TERN_API std::optional<DType> dtype_from_safetensors(std::string_view name) noexcept;

/// The name in a config or an argument: "float32", "bfloat16", … ("torch." in front is accepted).
TERN_API std::string_view to_string(DType dtype) noexcept;
TERN_API std::optional<DType> dtype_from_string(std::string_view name) noexcept;

TERN_API bool is_floating(DType dtype) noexcept;

}  // namespace tern
