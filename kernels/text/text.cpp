// SPDX-License-Identifier: Apache-2.0
// The registry of byte classes: the lines of text.inc in their order, best first.

#include "text.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const TextTable symbol;
#include "text.inc"
#undef TERN_VARIANT

Variants<TextTable> text_variants() {
  static constexpr const TextTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "text.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
