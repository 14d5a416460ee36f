// SPDX-License-Identifier: Apache-2.0
// Byte classes, AVX2: a range test is one subtraction and one unsigned minimum.

#include <immintrin.h>
#include <stdint.h>

#include "text.h"

namespace tern::kernels {

/// 0xFF where first <= x <= first + width (unsigned bytes).
static inline __m256i in_range(__m256i x, char first, char width) {
  const __m256i d = _mm256_sub_epi8(x, _mm256_set1_epi8(first));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(width)), d);
}

static inline uint32_t word_mask(__m256i x) {
  const __m256i letters = in_range(_mm256_or_si256(x, _mm256_set1_epi8(0x20)), 'a', 25);
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(letters, in_range(x, '0', 9))));
}

static inline uint32_t blank_mask(__m256i x) {
  const __m256i space = _mm256_cmpeq_epi8(x, _mm256_set1_epi8(' '));
  const __m256i tab_or_feed = in_range(x, '\t', 1);
  const __m256i carriage = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\r'));
  const __m256i any = _mm256_or_si256(_mm256_or_si256(space, carriage), tab_or_feed);
  return static_cast<uint32_t>(_mm256_movemask_epi8(any));
}

static void classify(const uint8_t* text, int64_t blocks, uint64_t* word, uint64_t* blank) {
  for (int64_t b = 0; b < blocks; ++b, text += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32));
    word[b] = static_cast<uint64_t>(word_mask(high)) << 32 | word_mask(low);
    blank[b] = static_cast<uint64_t>(blank_mask(high)) << 32 | blank_mask(low);
  }
}

extern const TextTable text_avx2;
const TextTable text_avx2 = {"text_avx2", Isa::avx2, classify};

}  // namespace tern::kernels
