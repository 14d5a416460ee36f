// SPDX-License-Identifier: Apache-2.0
// Embedding gather and sum, AVX2 and F16C: row by row, 8 columns at a time, tables in their order.
// Same bits as generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "embedding.h"

namespace tern::kernels {
#include "../simd/avx2.inc"

static inline __m256 load(const EmbeddingSource& source, int64_t i, int64_t left) {
  if (source.format == Format::f32) {
    return load_some(static_cast<const float*>(source.table) + i, left);
  }
  const __m128i half = load_some(static_cast<const uint16_t*>(source.table) + i, left);
  return source.format == Format::bf16 ? bf16_to_f32(half) : _mm256_cvtph_ps(half);
}

static inline void sum_row(const EmbeddingArgs& a, int64_t row, float* y) {
  for (int64_t j = 0; j < a.cols; j += 8) {
    const int64_t left = a.cols - j;
    __m256 sum = load(a.sources[0], a.sources[0].ids[row] * a.cols + j, left);
    for (int t = 1; t < a.count; ++t) {
      sum = _mm256_add_ps(sum, load(a.sources[t], a.sources[t].ids[row] * a.cols + j, left));
    }
    store_some(y + j, sum, left);
  }
}

static void gather_sum(const EmbeddingArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) sum_row(a, i, a.y + i * a.y_stride);
}

extern const EmbeddingTable embedding_avx2;
const EmbeddingTable embedding_avx2 = {"embedding_avx2", Isa::avx2, gather_sum};

}  // namespace tern::kernels
