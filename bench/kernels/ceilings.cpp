// SPDX-License-Identifier: Apache-2.0
// Twelve independent chains in named registers: more than latency times rate of any multiply-add
// here (2 per cycle x 4 or 6 cycles), and no array that a compiler could spill.
#include "ceilings.h"

#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tern::bench {

double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

#if defined(__x86_64__)
namespace {

#define TERN_TWELVE(OP) OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11)
#define TERN_START(i) auto c##i = x;

__attribute__((target("avx2,fma"), noinline)) void fma_ymm(long rounds) {
  const __m256 x = _mm256_set1_ps(1.0001f), y = _mm256_set1_ps(0.9999f);
  TERN_TWELVE(TERN_START)
  for (long i = 0; i < rounds; i++) {
#define TERN_STEP(j) asm volatile("vfmadd231ps %1, %2, %0" : "+x"(c##j) : "x"(x), "x"(y));
    TERN_TWELVE(TERN_STEP)
  }
}

__attribute__((target("avx512f"), noinline)) void fma_zmm(long rounds) {
  const __m512 x = _mm512_set1_ps(1.0001f), y = _mm512_set1_ps(0.9999f);
  TERN_TWELVE(TERN_START)
  for (long i = 0; i < rounds; i++) {
#undef TERN_STEP
#define TERN_STEP(j) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c##j) : "v"(x), "v"(y));
    TERN_TWELVE(TERN_STEP)
  }
}

// Latency 6 at 2 per cycle leaves twelve chains no slack; sixteen have some.
__attribute__((target("avx512f,avx512bf16"), noinline)) void dot_zmm(long rounds) {
  const __m512 x = _mm512_castsi512_ps(_mm512_set1_epi16(0x3f80)), y = x;
  TERN_TWELVE(TERN_START)
  __m512 c12 = x, c13 = x, c14 = x, c15 = x;
  for (long i = 0; i < rounds; i++) {
#undef TERN_STEP
#define TERN_STEP(j) asm volatile("vdpbf16ps %1, %2, %0" : "+v"(c##j) : "v"(x), "v"(y));
    TERN_TWELVE(TERN_STEP) TERN_STEP(12) TERN_STEP(13) TERN_STEP(14) TERN_STEP(15)
  }
}

__attribute__((target("avx512f,avx512vnni"), noinline)) void bytes_zmm(long rounds) {
  const __m512i x = _mm512_set1_epi8(1);
  TERN_TWELVE(TERN_START)
  for (long i = 0; i < rounds; i++) {
#undef TERN_STEP
#define TERN_STEP(j) asm volatile("vpdpbusd %1, %1, %0" : "+v"(c##j) : "v"(x));
    TERN_TWELVE(TERN_STEP)
  }
}

#undef TERN_STEP
#undef TERN_START
#undef TERN_TWELVE

double rate(void (*loop)(long), double flop_per_round) {
  constexpr long kRounds = 30000;
  const double start = thread_seconds();
  loop(kRounds);
  return kRounds * flop_per_round / (thread_seconds() - start);
}

// Loads or copies by whole registers; `reg` is the name of those that hold `vector` bytes.
#define TERN_READ(name, isa, reg, vector)                                                  \
  __attribute__((target(isa), noinline)) void name(const char* p, size_t bytes) {          \
    for (size_t i = 0; i < bytes; i += 4 * vector) {                                       \
      asm volatile("vmovaps (%0), %%" reg "0\n\tvmovaps %c1(%0), %%" reg "1\n\t"           \
                   "vmovaps %c2(%0), %%" reg "2\n\tvmovaps %c3(%0), %%" reg "3"             \
                   :                                                                       \
                   : "r"(p + i), "i"(vector), "i"(2 * vector), "i"(3 * vector)             \
                   : "xmm0", "xmm1", "xmm2", "xmm3", "memory");                            \
    }                                                                                      \
  }
#define TERN_COPY(name, isa, reg, vector)                                                  \
  __attribute__((target(isa), noinline)) void name(const char* p, char* q, size_t bytes) { \
    for (size_t i = 0; i < bytes; i += 2 * vector) {                                       \
      asm volatile("vmovaps (%0), %%" reg "0\n\tvmovaps %c2(%0), %%" reg "1\n\t"           \
                   "vmovaps %%" reg "0, (%1)\n\tvmovaps %%" reg "1, %c2(%1)"               \
                   :                                                                       \
                   : "r"(p + i), "r"(q + i), "i"(vector)                                   \
                   : "xmm0", "xmm1", "memory");                                            \
    }                                                                                      \
  }
TERN_READ(read_zmm, "avx512f", "zmm", 64)
TERN_READ(read_ymm, "avx2", "ymm", 32)
TERN_COPY(copy_zmm, "avx512f", "zmm", 64)
TERN_COPY(copy_ymm, "avx2", "ymm", 32)
#undef TERN_READ
#undef TERN_COPY

bool measured() {
  return static_cast<int>(kernels::hardware_isa()) >= static_cast<int>(kernels::Isa::avx2);
}

bool wide() {
  return static_cast<int>(kernels::hardware_isa()) >= static_cast<int>(kernels::Isa::avx512);
}

}  // namespace

double seconds_per_cycle() {
  // Additions that wait for each other take one cycle each.
  constexpr int kAdditions = 20000;
  unsigned long value = 1;
  const double start = thread_seconds();
  for (int i = 0; i < kAdditions / 8; ++i) {
    asm volatile(
        "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
        "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
        : "+r"(value));
  }
  return (thread_seconds() - start) / kAdditions;
}

double multiply_add_rate(kernels::Isa level) {
  switch (level) {
    case kernels::Isa::generic:
      return 0;
    case kernels::Isa::avx2:
      return rate(fma_ymm, 12 * 8 * 2);
    case kernels::Isa::avx512:
    case kernels::Isa::avx512_vnni:
      return rate(fma_zmm, 12 * 16 * 2);
    case kernels::Isa::avx512_bf16:
      return rate(dot_zmm, 16 * 16 * 4);
  }
  return 0;
}

double byte_multiply_add_rate(kernels::Isa level) {
  const bool vnni = static_cast<int>(level) >= static_cast<int>(kernels::Isa::avx512_vnni);
  return vnni ? rate(bytes_zmm, 12 * 64 * 2) : 0;
}

double read_seconds(const void* p, size_t bytes) {
  if (!measured()) return 0;
  const double start = thread_seconds();
  (wide() ? read_zmm : read_ymm)(static_cast<const char*>(p), bytes);
  return thread_seconds() - start;
}

void plain_copy(const void* from, void* to, size_t bytes) {
  if (!measured()) return;
  (wide() ? copy_zmm : copy_ymm)(static_cast<const char*>(from), static_cast<char*>(to), bytes);
}

#else

double seconds_per_cycle() {
  return 0;
}
double multiply_add_rate(kernels::Isa) {
  return 0;
}
double byte_multiply_add_rate(kernels::Isa) {
  return 0;
}
double read_seconds(const void*, size_t) {
  return 0;
}
void plain_copy(const void*, void*, size_t) {}

#endif

}  // namespace tern::bench
