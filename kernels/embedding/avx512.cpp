// SPDX-License-Identifier: Apache-2.0
// Embedding gather and sum, AVX-512: row by row, 16 columns at a time, tables in their order. Same
// bits as generic.cpp.

#include <immintrin.h>
#include <stdint.h>

#include "embedding.h"

namespace tern::kernels {
#include "../simd/avx512.inc"

static inline __m512 load(const EmbeddingSource& source, int64_t i, __mmask16 k) {
  if (source.format == Format::f32) {
    return _mm512_maskz_loadu_ps(k, static_cast<const float*>(source.table) + i);
  }
  const __m256i half = _mm256_maskz_loadu_epi16(k, static_cast<const uint16_t*>(source.table) + i);
  return source.format == Format::bf16 ? bf16_to_f32(half) : _mm512_cvtph_ps(half);
}

static inline void sum_row(const EmbeddingArgs& a, int64_t row, float* y) {
  for (int64_t j = 0; j < a.cols; j += 16) {
    const __mmask16 k = tail_mask(a.cols - j);
    __m512 sum = load(a.sources[0], a.sources[0].ids[row] * a.cols + j, k);
    for (int t = 1; t < a.count; ++t) {
      sum = _mm512_add_ps(sum, load(a.sources[t], a.sources[t].ids[row] * a.cols + j, k));
    }
    _mm512_mask_storeu_ps(y + j, k, sum);
  }
}

static void gather_sum(const EmbeddingArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) sum_row(a, i, a.y + i * a.y_stride);
}

extern const EmbeddingTable embedding_avx512;
const EmbeddingTable embedding_avx512 = {"embedding_avx512", Isa::avx512, gather_sum};

}  // namespace tern::kernels
