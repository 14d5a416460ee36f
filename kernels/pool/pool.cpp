// SPDX-License-Identifier: Apache-2.0
// The registry of pooling and unit length: the lines of pool.inc in their order, best first.

#include "pool.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const PoolTable symbol;
#include "pool.inc"
#undef TERN_VARIANT

Variants<PoolTable> pool_variants() {
  static constexpr const PoolTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "pool.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
