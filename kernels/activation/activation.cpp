// SPDX-License-Identifier: Apache-2.0
// The registry of elementwise activations: the lines of activation.inc in their order, best first.

#include "activation.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const ActivationTable symbol;
#include "activation.inc"
#undef TERN_VARIANT

Variants<ActivationTable> activation_variants() {
  static constexpr const ActivationTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "activation.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
