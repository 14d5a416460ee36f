// SPDX-License-Identifier: Apache-2.0
// KeptMemory: while it lives, freed memory stays with the process. glibc gives blocks beyond a
// threshold back to the kernel, which writes zeros anew in each call: half of the time of what
// makes large texts, and more on a busy machine.
#pragma once

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tern::test {

class KeptMemory {
 public:
  KeptMemory() { set(32 << 20, 1 << 30); }
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
  ~KeptMemory() { set(128 << 10, 128 << 10); }

 private:
  static void set([[maybe_unused]] int mapped, [[maybe_unused]] int trimmed) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, mapped);
    mallopt(M_TRIM_THRESHOLD, trimmed);
#endif
  }
};

}  // namespace tern::test
