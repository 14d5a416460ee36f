// SPDX-License-Identifier: Apache-2.0
// The registry of row softmax: the lines of softmax.inc in their order, best first.

#include "softmax.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const SoftmaxTable symbol;
#include "softmax.inc"
#undef TERN_VARIANT

Variants<SoftmaxTable> softmax_variants() {
  static constexpr const SoftmaxTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "softmax.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
