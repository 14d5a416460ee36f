// SPDX-License-Identifier: Apache-2.0
// The registry of layer_norm: the lines of norm.inc in their order, best first.

#include "norm.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const NormTable symbol;
#include "norm.inc"
#undef TERN_VARIANT

Variants<NormTable> norm_variants() {
  static constexpr const NormTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "norm.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
