// SPDX-License-Identifier: Apache-2.0
// Detection of the instruction sets that this CPU has and that the operating system saves on a
// context switch (cpuid says the first, xgetbv the second), and the level in force. Called by the
// registries' users in engine/, tests/ and bench/. Not x86-64: everything is generic.

#include "isa.h"

#include <stdlib.h>
#include <string.h>

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>
#endif

namespace tern::kernels {
namespace {

constexpr const char* kNames[] = {"generic", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};
constexpr int kLevels = sizeof(kNames) / sizeof(kNames[0]);

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All zero when this CPU has no such leaf.
Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

/// True when every bit of `bits` is set in `value`.
bool has(unsigned value, unsigned bits) {
  return (value & bits) == bits;
}

constexpr unsigned bit(int n) {
  return 1u << n;
}

/// XCR0: which register states the operating system saves. Requires OSXSAVE.
unsigned saved_states() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

Isa detect() {
  constexpr unsigned kXmmYmm = bit(1) | bit(2);
  constexpr unsigned kOpmaskZmm = bit(5) | bit(6) | bit(7);
  const Registers basic = cpuid(1, 0), more = cpuid(7, 0);
  const Registers extended = cpuid(0x80000001u, 0);

  // FMA, POPCNT, OSXSAVE, AVX, F16C; then LZCNT; then BMI1, AVX2, BMI2.
  if (!has(basic.ecx, bit(12) | bit(23) | bit(27) | bit(28) | bit(29))) return Isa::generic;
  if (!has(saved_states(), kXmmYmm)) return Isa::generic;
  if (!has(extended.ecx, bit(5))) return Isa::generic;
  if (!has(more.ebx, bit(3) | bit(5) | bit(8))) return Isa::generic;

  // F, DQ, CD, BW, VL.
  if (!has(saved_states(), kOpmaskZmm)) return Isa::avx2;
  if (!has(more.ebx, bit(16) | bit(17) | bit(28) | bit(30) | bit(31))) return Isa::avx2;

  if (!has(more.ecx, bit(11))) return Isa::avx512;  // VNNI
  const Registers further = more.eax >= 1 ? cpuid(7, 1) : Registers{};
  return has(further.eax, bit(5)) ? Isa::avx512_bf16 : Isa::avx512_vnni;
}

// Where the level is avx2, so that the operating system saves ymm registers.
bool detect_avx_vnni() {
  if (detect() == Isa::generic || cpuid(7, 0).eax < 1) return false;
  return has(cpuid(7, 1).eax, bit(4));
}

#else

Isa detect() {
  return Isa::generic;
}

bool detect_avx_vnni() {
  return false;
}

#endif

Isa lowest(Isa a, Isa b) {
  return static_cast<int>(a) < static_cast<int>(b) ? a : b;
}

Isa lowered_by_environment() {
  const char* wanted = getenv("TERN_ISA");
  for (int level = 0; wanted != nullptr && level < kLevels; ++level) {
    if (strcmp(wanted, kNames[level]) == 0) {
      return lowest(static_cast<Isa>(level), hardware_isa());
    }
  }
  return hardware_isa();
}

/// The level in force; -1 until first asked for. Threads that race here store the same value.
std::atomic<int> level_in_force{-1};

}  // namespace

const char* isa_name(Isa isa) noexcept {
  const int level = static_cast<int>(isa);
  return level >= 0 && level < kLevels ? kNames[level] : "unknown";
}

Isa hardware_isa() noexcept {
  static const Isa detected = detect();
  return detected;
}

bool hardware_has(Feature feature) noexcept {
  static const bool avx_vnni = detect_avx_vnni();
  return feature == Feature::none || avx_vnni;
}

Isa isa() noexcept {
  int level = level_in_force.load(std::memory_order_relaxed);
  if (level < 0) {
    const int chosen = static_cast<int>(lowered_by_environment());
    // Fails when force_isa came first: then its level stays.
    if (level_in_force.compare_exchange_strong(level, chosen)) level = chosen;
  }
  return static_cast<Isa>(level);
}

void force_isa(Isa isa) noexcept {
  level_in_force.store(static_cast<int>(lowest(isa, hardware_isa())));
}

}  // namespace tern::kernels
