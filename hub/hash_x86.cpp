// SPDX-License-Identifier: Apache-2.0
// SHA-256 and SHA-1 with x86's SHA instructions: four rounds per step, the message schedule beside
// them in four registers. Names of the registers follow the instructions' operands: ABEF and CDGH.
#include "hash_blocks.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace tern::hub {

namespace {

#define TERN_SHA __attribute__((target("sha,sse4.1,ssse3")))

bool cpu_has_sha() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  const bool shuffles = (c & bit_SSSE3) != 0 && (c & bit_SSE4_1) != 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return shuffles && (b & (1u << 29)) != 0;
}

TERN_SHA __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
TERN_SHA void store(void* to, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(to), value);
}

TERN_SHA void sha256(uint32_t* state, const std::byte* block, size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i abcd = _mm_shuffle_epi32(load(state), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1B);
  __m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);
  for (; count > 0; --count, block += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      __m128i& now = w[i & 3];
      if (i < 4) {
        now = _mm_shuffle_epi8(load(block + i * 16), swap);
      } else {
        const __m128i w1 = w[(i + 1) & 3], w2 = w[(i + 2) & 3], w3 = w[(i + 3) & 3];
        const __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(now, w1), _mm_alignr_epi8(w3, w2, 4));
        now = _mm_sha256msg2_epu32(sum, w3);
      }
      const __m128i wk = _mm_add_epi32(now, load(kSha256Rounds + i * 4));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  store(state, _mm_blend_epi16(feba, dchg, 0xF0));
  store(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

/// Four rounds; the instruction's constant is that of rounds 0-19, 20-39, 40-59, 60-79.
TERN_SHA __m128i sha1_rounds(__m128i abcd, __m128i e, int step) {
  switch (step / 5) {
    case 0:
      return _mm_sha1rnds4_epu32(abcd, e, 0);
    case 1:
      return _mm_sha1rnds4_epu32(abcd, e, 1);
    case 2:
      return _mm_sha1rnds4_epu32(abcd, e, 2);
    default:
      return _mm_sha1rnds4_epu32(abcd, e, 3);
  }
}

TERN_SHA void sha1(uint32_t* state, const std::byte* block, size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  __m128i abcd = _mm_shuffle_epi32(load(state), 0x1B);
  __m128i e = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
  for (; count > 0; --count, block += 64) {
    const __m128i abcd_before = abcd, e_before = e;
    __m128i w[4];
    __m128i last = abcd;  // abcd four rounds ago: its a, rotated, is the e of now
#pragma GCC unroll 20
    for (int i = 0; i < 20; ++i) {
      __m128i& now = w[i & 3];
      if (i < 4) {
        now = _mm_shuffle_epi8(load(block + i * 16), swap);
      } else {
        const __m128i w1 = w[(i + 1) & 3], w2 = w[(i + 2) & 3], w3 = w[(i + 3) & 3];
        now = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(now, w1), w2), w3);
      }
      const __m128i e_now = i == 0 ? _mm_add_epi32(e, now) : _mm_sha1nexte_epu32(last, now);
      last = abcd;
      abcd = sha1_rounds(abcd, e_now, i);
    }
    e = _mm_sha1nexte_epu32(last, e_before);
    abcd = _mm_add_epi32(abcd, abcd_before);
  }
  store(state, _mm_shuffle_epi32(abcd, 0x1B));
  state[4] = static_cast<uint32_t>(_mm_extract_epi32(e, 3));
}

}  // namespace

CompressBlocks sha256_instructions() noexcept {
  return cpu_has_sha() ? sha256 : nullptr;
}
CompressBlocks sha1_instructions() noexcept {
  return cpu_has_sha() ? sha1 : nullptr;
}

}  // namespace tern::hub

#else

namespace tern::hub {

CompressBlocks sha256_instructions() noexcept {
  return nullptr;
}
CompressBlocks sha1_instructions() noexcept {
  return nullptr;
}

}  // namespace tern::hub

#endif
