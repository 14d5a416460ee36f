// SPDX-License-Identifier: Apache-2.0
// Cache sizes by cpuid: leaf 4 on Intel, leaf 0x8000001D on AMD, of the same layout: one subleaf
// per cache, until its type is 0.
#include "cache.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tern::kernels {
namespace {

#if defined(__x86_64__)

struct Cache {
  unsigned type, level, sharers;
  int64_t bytes;
};

Cache describe(unsigned leaf, unsigned subleaf) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx) == 0) return {};
  const int64_t ways = (ebx >> 22) + 1, partitions = (ebx >> 12 & 0x3ff) + 1;
  const int64_t line = (ebx & 0xfff) + 1, sets = static_cast<int64_t>(ecx) + 1;
  return {eax & 31, eax >> 5 & 7, (eax >> 14 & 0xfff) + 1, ways * partitions * line * sets};
}

CacheSizes detect() {
  CacheSizes found;
  const unsigned leaf = describe(4, 0).type != 0 ? 4 : 0x8000001du;
  for (unsigned subleaf = 0; subleaf < 8; subleaf++) {
    const Cache c = describe(leaf, subleaf);
    if (c.type == 0) break;
    // Two sharers are the two threads of one core, more are several cores: of two threads each, or
    // of one, whose part is then half of what is counted here.
    if (c.level == 2) found.l2 = c.bytes / (c.sharers > 2 ? c.sharers / 2 : 1);
  }
  return found;
}

#else

CacheSizes detect() {
  return {};
}

#endif

}  // namespace

const CacheSizes& cache_sizes() noexcept {
  static const CacheSizes found = detect();
  return found;
}

}  // namespace tern::kernels
