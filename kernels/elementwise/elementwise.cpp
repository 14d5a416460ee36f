// SPDX-License-Identifier: Apache-2.0
// The registry of sums and conversions: the lines of elementwise.inc in their order, best first.

#include "elementwise.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const ElementwiseTable symbol;
#include "elementwise.inc"
#undef TERN_VARIANT

Variants<ElementwiseTable> elementwise_variants() {
  static constexpr const ElementwiseTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "elementwise.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
