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

static inline void sum_columns(const Chosen& c, float* y, int64_t j, int64_t left) {
  __m256 sum = load(c.rows[0], j, left);
  for (int t = 1; t < c.count; ++t) sum = _mm256_add_ps(sum, load(c.rows[t], j, left));
  store_some(y + j, sum, left);
}

static inline void sum_row(const EmbeddingArgs& a, int64_t row, float* y) {
  const Chosen chosen = choose(a, row);
  int64_t j = 0;
  for (; j + 8 <= a.cols; j += 8) sum_columns(chosen, y, j, 8);
  if (j < a.cols) sum_columns(chosen, y, j, a.cols - j);
}

static void gather_sum(const EmbeddingArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) sum_row(a, i, a.y + i * a.y_stride);
}

extern const EmbeddingTable embedding_avx2;
const EmbeddingTable embedding_avx2 = {"embedding_avx2", Isa::avx2, gather_sum};

}  // namespace tern::kernels
