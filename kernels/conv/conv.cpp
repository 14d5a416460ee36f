// SPDX-License-Identifier: Apache-2.0
// The registry of conv: which variants exist for each format. Called by engine/cpu once per
// layer, by tests and benchmarks to enumerate.
#include "conv.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const ConvTable symbol;
#include "conv.inc"
#undef TERN_VARIANT

namespace {

#define TERN_PICK_f32(symbol) &symbol,
#define TERN_PICK_bf16(symbol)
#define TERN_VARIANT(symbol, level, format) TERN_PICK_##format(symbol)
const ConvTable* const kF32[] = {
#include "conv.inc"
};
#undef TERN_PICK_f32
#undef TERN_PICK_bf16

#define TERN_PICK_f32(symbol)
#define TERN_PICK_bf16(symbol) &symbol,
const ConvTable* const kBf16[] = {
#include "conv.inc"
};
#undef TERN_PICK_f32
#undef TERN_PICK_bf16
#undef TERN_VARIANT

}  // namespace

Variants<ConvTable> conv_variants(Format x_format) {
  if (x_format == Format::f32) return {kF32, static_cast<int>(sizeof kF32 / sizeof kF32[0])};
  return {kBf16, static_cast<int>(sizeof kBf16 / sizeof kBf16[0])};
}

}  // namespace tern::kernels
