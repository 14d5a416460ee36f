// SPDX-License-Identifier: Apache-2.0
// The registry of attention: one list per pair of formats, each in the order of attention.inc.

#include "attention.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format, kv_format) extern const AttentionTable symbol;
#include "attention.inc"
#undef TERN_VARIANT

namespace {

constexpr int kCapacity = 8;

struct List {
  const AttentionTable* tables[kCapacity] = {};
  int count = 0;
};

constexpr List list_of(Format wanted, Format wanted_kv) {
  List list;
#define TERN_VARIANT(symbol, level, format, kv_format)              \
  if (Format::format == wanted && Format::kv_format == wanted_kv) { \
    list.tables[list.count++] = &symbol;                            \
  }
#include "attention.inc"
#undef TERN_VARIANT
  return list;
}

constexpr List kF32 = list_of(Format::f32, Format::f32);
constexpr List kBf16 = list_of(Format::bf16, Format::bf16);
constexpr List kF32Bf16 = list_of(Format::f32, Format::bf16);
constexpr List kNone;

const List& find(Format format, Format kv_format) {
  if (kv_format == Format::bf16) {
    return format == Format::bf16 ? kBf16 : format == Format::f32 ? kF32Bf16 : kNone;
  }
  return format == Format::f32 && kv_format == Format::f32 ? kF32 : kNone;
}

}  // namespace

Variants<AttentionTable> attention_variants(Format format, Format kv_format) {
  const List& list = find(format, kv_format);
  return {list.tables, list.count};
}

}  // namespace tern::kernels
