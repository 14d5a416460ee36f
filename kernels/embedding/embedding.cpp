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

void gather_quantized(const QuantizedGather& a) {
  const char* table = static_cast<const char*>(a.table);
  const int64_t row_bytes = static_cast<int64_t>(block_row_bytes(a.format, a.cols));
  for (int64_t i = 0; i < a.rows; ++i) {
    dequantize_row(a.format, table + a.ids[i] * row_bytes, a.cols, a.y + i * a.y_stride);
  }
}

}  // namespace tern::kernels
