// SPDX-License-Identifier: Apache-2.0
// The registry of embedding gather and sum: the lines of embedding.inc in their order, best first.

#include "embedding.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const EmbeddingTable symbol;
#include "embedding.inc"
#undef TERN_VARIANT

Variants<EmbeddingTable> embedding_variants() {
  static constexpr const EmbeddingTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "embedding.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

}  // namespace tern::kernels
