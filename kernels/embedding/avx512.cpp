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

namespace {
/// The chosen row of every table, for one row of y.
struct Chosen {
  EmbeddingSource rows[8];  // table: the row's first element; ids unused
  int count;
};
}  // namespace

static inline Chosen choose(const EmbeddingArgs& a, int64_t row) {
  Chosen c;
  c.count = a.count;
  for (int t = 0; t < a.count; ++t) {
    const EmbeddingSource& s = a.sources[t];
    const int64_t bytes = s.format == Format::f32 ? 4 : 2;
    const char* first = static_cast<const char*>(s.table) + s.ids[row] * a.cols * bytes;
    c.rows[t] = {first, s.format, nullptr};
  }
  return c;
}

static inline void sum_columns(const Chosen& c, float* y, int64_t j, __mmask16 k) {
  __m512 sum = load(c.rows[0], j, k);
  for (int t = 1; t < c.count; ++t) sum = _mm512_add_ps(sum, load(c.rows[t], j, k));
  _mm512_mask_storeu_ps(y + j, k, sum);
}

static inline void sum_row(const EmbeddingArgs& a, int64_t row, float* y) {
  const Chosen chosen = choose(a, row);
  const __mmask16 all = 0xffff;
  int64_t j = 0;
  for (; j + 16 <= a.cols; j += 16) sum_columns(chosen, y, j, all);
  if (j < a.cols) sum_columns(chosen, y, j, tail_mask(a.cols - j));
}

static void gather_sum(const EmbeddingArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) sum_row(a, i, a.y + i * a.y_stride);
}

extern const EmbeddingTable embedding_avx512;
const EmbeddingTable embedding_avx512 = {"embedding_avx512", Isa::avx512, gather_sum};

}  // namespace tern::kernels
