// SPDX-License-Identifier: Apache-2.0
// Levels: names, lowering by force_isa and by TERN_ISA (in a child process), choice of a variant;
// the cache size that kernels block by.

#include "../../kernels/isa.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "../../kernels/activation/activation.h"
#include "../../kernels/cache.h"
#include "../../kernels/gemm_int8/gemm_int8.h"
#include "../../kernels/norm/norm.h"
#include "buffers.h"

using namespace tern::kernels;

namespace {

constexpr Isa kLevels[] = {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512_vnni,
                           Isa::avx512_bf16};

/// Runs this program again under TERN_ISA=value, which prints isa() (the case below marked so).
std::string level_in_child(const char* value) {
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return "no /proc";
  const std::string command = std::string("TERN_ISA='") + value + "' TERN_TEST_PRINT_ISA=1 '" +
                              self +
                              "' --no-skip --test-case='prints the level in force' 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "no child";
  char line[256];
  std::string found;
  while (fgets(line, sizeof line, pipe) != nullptr) {
    if (strncmp(line, "isa=", 4) == 0) found = std::string(line + 4, strcspn(line + 4, "\n"));
  }
  pclose(pipe);
  return found;
}

/// AVX-VNNI by cpuid: leaf 7, subleaf 1, EAX bit 4. (clang 14 cannot tell by itself.)
bool cpu_has_avx_vnni() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || eax < 1) return false;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("prints the level in force" * doctest::skip()) {
  if (std::getenv("TERN_TEST_PRINT_ISA") == nullptr) return;
  printf("isa=%s\n", isa_name(isa()));
}

TEST_CASE("TERN_ISA lowers the level, never raises it, and an unknown name is ignored") {
  for (Isa level : kLevels) {
    const Isa expected =
        static_cast<int>(level) < static_cast<int>(hardware_isa()) ? level : hardware_isa();
    CHECK(level_in_child(isa_name(level)) == isa_name(expected));
  }
  for (const char* unknown : {"", "AVX2", "avx", "avx512_fp16", "generic "}) {
    CHECK(level_in_child(unknown) == isa_name(hardware_isa()));
  }
}

TEST_CASE("force_isa lowers the level for tests and is clamped to the hardware") {
  const Isa before = isa();
  for (Isa level : kLevels) {
    force_isa(level);
    CHECK(static_cast<int>(isa()) ==
          std::min(static_cast<int>(level), static_cast<int>(hardware_isa())));
  }
  force_isa(before);
  CHECK(isa() == before);
}

TEST_CASE("isa() answers the same to threads that ask at once") {
  std::vector<std::thread> threads;
  std::vector<Isa> answers(8);
  for (size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&answers, i] { answers[i] = isa(); });
  }
  for (std::thread& t : threads) t.join();
  for (Isa answer : answers) CHECK(answer == isa());
}

TEST_CASE("best() takes the first variant at or below the level, generic in the end") {
  for (Isa level : kLevels) {
    const NormTable& chosen = norm_variants().best(level);
    CHECK(static_cast<int>(chosen.isa) <= static_cast<int>(level));
    for (const NormTable* table : norm_variants()) {
      if (static_cast<int>(table->isa) <= static_cast<int>(level)) {
        CHECK(static_cast<int>(table->isa) <= static_cast<int>(chosen.isa));
      }
    }
  }
  CHECK(std::string(norm_variants().best(Isa::generic).name) == "norm_generic");
  CHECK(std::string(activation_variants().best(Isa::generic).name) == "activation_generic");
}

TEST_CASE("a variant that needs a feature is chosen only where cpuid has it") {
  const bool avx_vnni = hardware_isa() >= Isa::avx2 && cpu_has_avx_vnni();
  CHECK(hardware_has(Feature::none));
  CHECK(hardware_has(Feature::avx_vnni) == avx_vnni);
  int needing = 0;
  for (const GemmInt8Table* table : gemm_int8_variants()) {
    needing += table->needs != Feature::none;
    for (Isa level : kLevels) {
      const bool has = table->needs == Feature::none || avx_vnni;
      CHECK(runs_at(*table, level) == (has && table->isa <= level));
    }
  }
#if defined(__x86_64__)
  CHECK(needing == 1);
#endif
  for (Isa level : kLevels) {
    const GemmInt8Table* first = nullptr;
    for (const GemmInt8Table* table : gemm_int8_variants()) {
      const bool fits = table->isa <= level && (table->needs == Feature::none || avx_vnni);
      if (fits && first == nullptr) first = table;
    }
    CHECK(&gemm_int8_variants().best(level) == first);
  }
#if defined(__x86_64__)
  const char* name = avx_vnni ? "gemm_int8_avx_vnni" : "gemm_int8_avx2";
  CHECK(std::string(gemm_int8_variants().best(Isa::avx2).name) == name);
#endif
}

TEST_CASE("the second-level cache that is detected has a plausible size") {
  CHECK(cache_sizes().l2 >= 32 << 10);
  CHECK(cache_sizes().l2 <= 1 << 30);
}

TEST_CASE("the levels that the compiler's own detection sees are seen") {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  CHECK((hardware_isa() >= Isa::avx2) == avx2);
  CHECK((hardware_isa() >= Isa::avx512) == avx512);
  CHECK((hardware_isa() >= Isa::avx512_vnni) == vnni);
#else
  CHECK(hardware_isa() == Isa::generic);
#endif
}

TEST_CASE("names of levels are those of TERN_ISA") {
  const char* names[] = {"generic", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};
  for (int i = 0; i < 5; ++i) CHECK(std::string(isa_name(kLevels[i])) == names[i]);
  CHECK(std::string(isa_name(static_cast<Isa>(99))) == "unknown");
}
