// SPDX-License-Identifier: Apache-2.0
#include "dtype.h"

#include <array>

namespace tern {

namespace {

struct Entry {
  DType dtype;
  size_t bits;
  bool floating;
  std::string_view safetensors;
  std::string_view name;
  BlockSize block = {};
};

constexpr std::array<Entry, 34> kTable = {{
    {DType::boolean, 8, false, "BOOL", "bool"},
    {DType::u8, 8, false, "U8", "uint8"},
    {DType::i8, 8, false, "I8", "int8"},
    {DType::i16, 16, false, "I16", "int16"},
    {DType::u16, 16, false, "U16", "uint16"},
    {DType::i32, 32, false, "I32", "int32"},
    {DType::u32, 32, false, "U32", "uint32"},
    {DType::i64, 64, false, "I64", "int64"},
    {DType::u64, 64, false, "U64", "uint64"},
    {DType::f16, 16, true, "F16", "float16"},
    {DType::bf16, 16, true, "BF16", "bfloat16"},
    {DType::f32, 32, true, "F32", "float32"},
    {DType::f64, 64, true, "F64", "float64"},
    {DType::c64, 64, false, "C64", "complex64"},
    {DType::f8_e4m3, 8, true, "F8_E4M3", "float8_e4m3fn"},
    {DType::f8_e5m2, 8, true, "F8_E5M2", "float8_e5m2"},
    {DType::f8_e8m0, 8, true, "F8_E8M0", "float8_e8m0fnu"},
    {DType::f6_e2m3, 6, true, "F6_E2M3", "float6_e2m3fn"},
    {DType::f6_e3m2, 6, true, "F6_E3M2", "float6_e3m2fn"},
    {DType::f4, 4, true, "F4", "float4_e2m1fn_x2"},
    {DType::q4_0, 0, true, "Q4_0", "Q4_0", {32, 18}},
    {DType::q4_1, 0, true, "Q4_1", "Q4_1", {32, 20}},
    {DType::q5_0, 0, true, "Q5_0", "Q5_0", {32, 22}},
    {DType::q5_1, 0, true, "Q5_1", "Q5_1", {32, 24}},
    {DType::q8_0, 0, true, "Q8_0", "Q8_0", {32, 34}},
    {DType::q2_k, 0, true, "Q2_K", "Q2_K", {256, 84}},
    {DType::q3_k, 0, true, "Q3_K", "Q3_K", {256, 110}},
    {DType::q4_k, 0, true, "Q4_K", "Q4_K", {256, 144}},
    {DType::q5_k, 0, true, "Q5_K", "Q5_K", {256, 176}},
    {DType::q6_k, 0, true, "Q6_K", "Q6_K", {256, 210}},
    {DType::int4_g32_zp, 0, true, "int4_g32_zp", "int4_g32_zp", {32, 19}},
    {DType::int4_g128_zp, 0, true, "int4_g128_zp", "int4_g128_zp", {128, 67}},
    {DType::int8_g32_zp, 0, true, "int8_g32_zp", "int8_g32_zp", {32, 35}},
    {DType::int8_g128_zp, 0, true, "int8_g128_zp", "int8_g128_zp", {128, 131}},
}};

const Entry& entry(DType dtype) noexcept { return kTable[static_cast<size_t>(dtype)]; }

}  // namespace

size_t bits(DType dtype) noexcept { return entry(dtype).bits; }
BlockSize block_size(DType dtype) noexcept { return entry(dtype).block; }
size_t row_bytes(DType dtype, size_t k) noexcept {
  const BlockSize block = block_size(dtype);
  return block ? k / block.elements * block.bytes : k * bits(dtype) / 8;
}
std::string_view safetensors_name(DType dtype) noexcept { return entry(dtype).safetensors; }
std::string_view to_string(DType dtype) noexcept { return entry(dtype).name; }
bool is_floating(DType dtype) noexcept { return entry(dtype).floating; }

std::optional<DType> dtype_from_safetensors(std::string_view name) noexcept {
  for (const Entry& e : kTable) {
    if (e.safetensors == name && !e.block) return e.dtype;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_string(std::string_view name) noexcept {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  if (name == "half") name = "float16";
  if (name == "float") name = "float32";
  for (const Entry& e : kTable) {
    if (e.name == name && !e.block) return e.dtype;
  }
  return std::nullopt;
}

}  // namespace tern
