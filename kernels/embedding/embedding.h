// SPDX-License-Identifier: Apache-2.0
// Embedding gather and sum: y[i, :] = sum_t table_t[ids_t[i], :] in f32, tables added in the order
// given (BERT: (word + type) + position). ids are in range: the caller has checked them.
#pragma once

#include <stdint.h>

#include "../gemm_block/blocks.h"
#include "../registry.h"

namespace tern::kernels {

struct EmbeddingSource {
  const void* table;  // [entries, cols] row-major, dense
  Format format;
  const int64_t* ids;  // [rows]
};

struct EmbeddingArgs {
  int64_t rows, cols;
  const EmbeddingSource* sources;
  int count;  // 1 … 8
  float* y;   // rows y_stride elements apart
  int64_t y_stride;
};

struct EmbeddingTable {
  const char* name;  // "embedding_avx512"
  Isa isa;
  void (*gather_sum)(const EmbeddingArgs&);
};

Variants<EmbeddingTable> embedding_variants();

/// y[i, :] = row ids[i] of a table of block-quantised rows, block_row_bytes(format, cols) apart, by
/// dequantize_row: a token's row is a few kilobytes, so there are no variants.
struct QuantizedGather {
  int64_t rows, cols;
  BlockFormat format;
  const void* table;
  const int64_t* ids;  // [rows]
  float* y;            // rows y_stride elements apart
  int64_t y_stride;
};

void gather_quantized(const QuantizedGather& a);

}  // namespace tern::kernels
