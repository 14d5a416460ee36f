// SPDX-License-Identifier: Apache-2.0
// Embedding gather and sum by its definition. The other variants give the same bits.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "embedding.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

float load(const EmbeddingSource& source, int64_t i) {
  switch (source.format) {
    case Format::f32:
      return static_cast<const float*>(source.table)[i];
    case Format::bf16:
      return bf16_to_f32(static_cast<const uint16_t*>(source.table)[i]);
    case Format::f16:
      return f16_to_f32(static_cast<const uint16_t*>(source.table)[i]);
  }
  return 0;
}

void gather_sum(const EmbeddingArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    float* y = a.y + i * a.y_stride;
    for (int64_t j = 0; j < a.cols; ++j) {
      float sum = load(a.sources[0], a.sources[0].ids[i] * a.cols + j);
      for (int t = 1; t < a.count; ++t) sum += load(a.sources[t], a.sources[t].ids[i] * a.cols + j);
      y[j] = sum;
    }
  }
}

}  // namespace

extern const EmbeddingTable embedding_generic;
const EmbeddingTable embedding_generic = {"embedding_generic", Isa::generic, gather_sum};

}  // namespace tern::kernels
