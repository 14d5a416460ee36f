// SPDX-License-Identifier: Apache-2.0
// The registry of gemm: which variants exist for each pair of formats. Called by engine/cpu once
// per Linear, by tests and benchmarks to enumerate.
#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, a, b) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

namespace {

constexpr int kMost = 8;  // variants of one pair

struct Family {
  const GemmTable* tables[kMost];
  int count = 0;

  constexpr Family(Format a_format, Format b_format) : tables() {
#define TERN_VARIANT(symbol, level, a, b) \
  if (a_format == Format::a && b_format == Format::b) tables[count++] = &symbol;
#include "gemm.inc"
#undef TERN_VARIANT
  }
};

constexpr Family kF32(Format::f32, Format::f32), kF32F16(Format::f32, Format::f16),
    kF32Bf16(Format::f32, Format::bf16), kBf16(Format::bf16, Format::bf16);

Variants<GemmTable> variants(const Family& family) {
  return {family.tables, family.count};
}

}  // namespace

Variants<GemmTable> gemm_variants(Format a_format, Format b_format) {
  if (a_format == Format::bf16 && b_format == Format::bf16) return variants(kBf16);
  if (a_format != Format::f32) return {nullptr, 0};
  if (b_format == Format::f16) return variants(kF32F16);
  return variants(b_format == Format::bf16 ? kF32Bf16 : kF32);
}

}  // namespace tern::kernels
