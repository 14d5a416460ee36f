// SPDX-License-Identifier: Apache-2.0
// The registry of pooling over windows: the lines of pool2d.inc in their order, best first.

#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

Variants<Pool2dTable> pool2d_variants() {
  static constexpr const Pool2dTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "pool2d.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
