// SPDX-License-Identifier: Apache-2.0
// The registry of gemm_block: which variants exist for each form of x. Called by engine/cpu once
// per process, by tests and benchmarks to enumerate.
#include "gemm_block.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, activation) extern const GemmBlockTable symbol;
#include "gemm_block.inc"
#undef TERN_VARIANT

namespace {

#define TERN_PICK_a8(symbol) &symbol,
#define TERN_PICK_a16(symbol)
#define TERN_VARIANT(symbol, level, activation) TERN_PICK_##activation(symbol)
const GemmBlockTable* const kA8[] = {
#include "gemm_block.inc"
};
#undef TERN_PICK_a8
#undef TERN_PICK_a16

#define TERN_PICK_a8(symbol)
#define TERN_PICK_a16(symbol) &symbol,
const GemmBlockTable* const kA16[] = {
#include "gemm_block.inc"
};
#undef TERN_PICK_a8
#undef TERN_PICK_a16
#undef TERN_VARIANT

}  // namespace

Variants<GemmBlockTable> gemm_block_variants(BlockActivation activation) {
  if (activation == BlockActivation::a8) {
    return {kA8, static_cast<int>(sizeof kA8 / sizeof kA8[0])};
  }
  return {kA16, static_cast<int>(sizeof kA16 / sizeof kA16[0])};
}

}  // namespace tern::kernels
