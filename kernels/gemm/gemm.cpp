// SPDX-License-Identifier: Apache-2.0
// The registry of gemm: which variants exist for each format. Called by engine/cpu once per
// Linear, by tests and benchmarks to enumerate.
#include "gemm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const GemmTable symbol;
#include "gemm.inc"
#undef TERN_VARIANT

namespace {

#define TERN_PICK_f32(symbol) &symbol,
#define TERN_PICK_bf16(symbol)
#define TERN_VARIANT(symbol, level, format) TERN_PICK_##format(symbol)
const GemmTable* const kF32[] = {
#include "gemm.inc"
};
#undef TERN_PICK_f32
#undef TERN_PICK_bf16

#define TERN_PICK_f32(symbol)
#define TERN_PICK_bf16(symbol) &symbol,
const GemmTable* const kBf16[] = {
#include "gemm.inc"
};
#undef TERN_PICK_f32
#undef TERN_PICK_bf16
#undef TERN_VARIANT

}  // namespace

Variants<GemmTable> gemm_variants(Format a_format) {
  if (a_format == Format::f32) return {kF32, static_cast<int>(sizeof kF32 / sizeof kF32[0])};
  return {kBf16, static_cast<int>(sizeof kBf16 / sizeof kBf16[0])};
}

}  // namespace tern::kernels
