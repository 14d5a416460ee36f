// SPDX-License-Identifier: Apache-2.0
// Byte classes, AVX-512: comparisons give the masks at once.

#include <immintrin.h>
#include <stdint.h>

#include "text.h"

namespace tern::kernels {

static void classify(const uint8_t* text, int64_t blocks, uint64_t* word, uint64_t* blank) {
  const __m512i lower_bit = _mm512_set1_epi8(0x20), space = _mm512_set1_epi8(' ');
  for (int64_t b = 0; b < blocks; ++b, text += 64) {
    const __m512i x = _mm512_loadu_si512(text);
    const __m512i letter = _mm512_sub_epi8(_mm512_or_si512(x, lower_bit), _mm512_set1_epi8('a'));
    const __m512i digit = _mm512_sub_epi8(x, _mm512_set1_epi8('0'));
    const __m512i feed = _mm512_sub_epi8(x, _mm512_set1_epi8('\t'));
    word[b] = _mm512_cmplt_epu8_mask(letter, _mm512_set1_epi8(26)) |
              _mm512_cmplt_epu8_mask(digit, _mm512_set1_epi8(10));
    blank[b] = _mm512_cmpeq_epi8_mask(x, space) |
               _mm512_cmplt_epu8_mask(feed, _mm512_set1_epi8(2)) |
               _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\r'));
  }
}

extern const TextTable text_avx512;
const TextTable text_avx512 = {"text_avx512", Isa::avx512, classify};

}  // namespace tern::kernels
