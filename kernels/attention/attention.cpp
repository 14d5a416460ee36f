// SPDX-License-Identifier: Apache-2.0
// The registry of attention: one list per format, each in the order of attention.inc.

#include "attention.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const AttentionTable symbol;
#include "attention.inc"
#undef TERN_VARIANT

namespace {

constexpr int kCapacity = 8;

struct List {
  const AttentionTable* tables[kCapacity] = {};
  int count = 0;

  constexpr void add(const AttentionTable& table, Format have, Format want) {
    if (have == want) tables[count++] = &table;
  }
};

constexpr List list_of(Format wanted) {
  List list;
#define TERN_VARIANT(symbol, level, format) list.add(symbol, Format::format, wanted);
#include "attention.inc"
#undef TERN_VARIANT
  return list;
}

constexpr List kF32 = list_of(Format::f32);
constexpr List kBf16 = list_of(Format::bf16);
constexpr List kNone;

}  // namespace

Variants<AttentionTable> attention_variants(Format format) {
  const List& list = format == Format::f32 ? kF32 : format == Format::bf16 ? kBf16 : kNone;
  return {list.tables, list.count};
}

}  // namespace tern::kernels
