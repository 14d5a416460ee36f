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

constexpr List list_of(Format wanted, KvFormat wanted_kv) {
  List list;
#define TERN_VARIANT(symbol, level, format, kv_format)                \
  if (Format::format == wanted && KvFormat::kv_format == wanted_kv) { \
    list.tables[list.count++] = &symbol;                              \
  }
#include "attention.inc"
#undef TERN_VARIANT
  return list;
}

constexpr KvFormat kKvFormats[] = {KvFormat::f32, KvFormat::bf16, KvFormat::int8};
constexpr List kF32[] = {list_of(Format::f32, kKvFormats[0]), list_of(Format::f32, kKvFormats[1]),
                         list_of(Format::f32, kKvFormats[2])};
constexpr List kBf16[] = {list_of(Format::bf16, kKvFormats[0]),
                          list_of(Format::bf16, kKvFormats[1]),
                          list_of(Format::bf16, kKvFormats[2])};
constexpr List kNone;

const List& find(Format format, KvFormat kv_format) {
  const auto at = static_cast<size_t>(kv_format);
  return format == Format::f32 ? kF32[at] : format == Format::bf16 ? kBf16[at] : kNone;
}

}  // namespace

Variants<AttentionTable> attention_variants(Format format, KvFormat kv_format) {
  const List& list = find(format, kv_format);
  return {list.tables, list.count};
}

}  // namespace tern::kernels
