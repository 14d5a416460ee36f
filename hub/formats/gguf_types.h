// SPDX-License-Identifier: Apache-2.0
// Numbers by which GGUF names kinds of metadata values and ggml's types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "../../engine/base/api.h"
#include "../../engine/base/dtype.h"

namespace tern::hub {

enum class GgufType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

/// Bytes of one value; 0 for string and array, and for what is no type.
TERN_API size_t gguf_width(GgufType type) noexcept;
/// "uint8", "string", …, "type 13".
TERN_API std::string to_string(GgufType type);

/// As ggml numbers them; a file may hold any other number.
enum class GgmlType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41
};

/// Rows are cut into blocks of `elements` neighbours, each `bytes` long.
struct GgmlBlock {
  const char* name;  // as ggml's tools write it: "Q4_K"
  size_t elements, bytes;
  std::optional<DType> dtype;  // of a tensor; nullopt: tern cannot compute with it
};

/// nullopt: a type that this version has never heard of.
TERN_API std::optional<GgmlBlock> ggml_block(GgmlType type) noexcept;
/// "Q4_K", …, "type 99".
TERN_API std::string to_string(GgmlType type);

}  // namespace tern::hub
