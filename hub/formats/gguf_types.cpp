// SPDX-License-Identifier: Apache-2.0
// Widths and block sizes; see gguf_types.h.
#include "gguf_types.h"

#include "../../engine/base/format.h"

namespace tern::hub {

namespace {

struct Row {
  GgmlType type;
  GgmlBlock block;
};

// Bytes are written as the parts of a block: scales, then high bits, then the values.
constexpr Row kBlocks[] = {
    {GgmlType::f32, {"F32", 1, 4, DType::f32}},
    {GgmlType::f16, {"F16", 1, 2, DType::f16}},
    {GgmlType::bf16, {"BF16", 1, 2, DType::bf16}},
    {GgmlType::f64, {"F64", 1, 8, DType::f64}},
    {GgmlType::i8, {"I8", 1, 1, DType::i8}},
    {GgmlType::i16, {"I16", 1, 2, DType::i16}},
    {GgmlType::i32, {"I32", 1, 4, DType::i32}},
    {GgmlType::i64, {"I64", 1, 8, DType::i64}},
    {GgmlType::q4_0, {"Q4_0", 32, 2 + 16, DType::q4_0}},
    {GgmlType::q4_1, {"Q4_1", 32, 2 + 2 + 16, DType::q4_1}},
    {GgmlType::q5_0, {"Q5_0", 32, 2 + 4 + 16, DType::q5_0}},
    {GgmlType::q5_1, {"Q5_1", 32, 2 + 2 + 4 + 16, DType::q5_1}},
    {GgmlType::q8_0, {"Q8_0", 32, 2 + 32, DType::q8_0}},
    {GgmlType::q2_k, {"Q2_K", 256, 2 + 2 + 16 + 64, DType::q2_k}},
    {GgmlType::q3_k, {"Q3_K", 256, 2 + 12 + 32 + 64, DType::q3_k}},
    {GgmlType::q4_k, {"Q4_K", 256, 2 + 2 + 12 + 128, DType::q4_k}},
    {GgmlType::q5_k, {"Q5_K", 256, 2 + 2 + 12 + 32 + 128, DType::q5_k}},
    {GgmlType::q6_k, {"Q6_K", 256, 2 + 16 + 64 + 128, DType::q6_k}},
    {GgmlType::q8_1, {"Q8_1", 32, 4 + 4 + 32, {}}},
    {GgmlType::q8_k, {"Q8_K", 256, 4 + 32 + 256, {}}},
    {GgmlType::iq2_xxs, {"IQ2_XXS", 256, 2 + 64, {}}},
    {GgmlType::iq2_xs, {"IQ2_XS", 256, 2 + 64 + 8, {}}},
    {GgmlType::iq2_s, {"IQ2_S", 256, 2 + 64 + 16, {}}},
    {GgmlType::iq3_xxs, {"IQ3_XXS", 256, 2 + 64 + 32, {}}},
    {GgmlType::iq3_s, {"IQ3_S", 256, 2 + 64 + 32 + 8 + 4, {}}},
    {GgmlType::iq1_s, {"IQ1_S", 256, 2 + 32 + 16, {}}},
    {GgmlType::iq1_m, {"IQ1_M", 256, 32 + 16 + 8, {}}},
    {GgmlType::iq4_nl, {"IQ4_NL", 32, 2 + 16, {}}},
    {GgmlType::iq4_xs, {"IQ4_XS", 256, 2 + 2 + 128 + 4, {}}},
    {GgmlType::tq1_0, {"TQ1_0", 256, 2 + 52, {}}},
    {GgmlType::tq2_0, {"TQ2_0", 256, 2 + 64, {}}},
    {GgmlType::mxfp4, {"MXFP4", 32, 1 + 16, {}}},
    {GgmlType::nvfp4, {"NVFP4", 64, 4 + 32, {}}},
    {GgmlType::q1_0, {"Q1_0", 128, 2 + 16, {}}},
};

struct Kind {
  const char* name;
  size_t width;
};
constexpr Kind kKinds[] = {{"uint8", 1},  {"int8", 1},  {"uint16", 2},  {"int16", 2},
                           {"uint32", 4}, {"int32", 4}, {"float32", 4}, {"bool", 1},
                           {"string", 0}, {"array", 0}, {"uint64", 8},  {"int64", 8},
                           {"float64", 8}};

}  // namespace

size_t gguf_width(GgufType type) noexcept {
  const auto i = static_cast<size_t>(type);
  return i < std::size(kKinds) ? kKinds[i].width : 0;
}

std::string to_string(GgufType type) {
  const auto i = static_cast<uint32_t>(type);
  return i < std::size(kKinds) ? std::string(kKinds[i].name) : cat("type ", i);
}

std::optional<GgmlBlock> ggml_block(GgmlType type) noexcept {
  for (const Row& row : kBlocks) {
    if (row.type == type) return row.block;
  }
  return std::nullopt;
}

std::string to_string(GgmlType type) {
  const auto block = ggml_block(type);
  return block ? std::string(block->name) : cat("type ", static_cast<uint32_t>(type));
}

}  // namespace tern::hub
