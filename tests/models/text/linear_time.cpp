// SPDX-License-Identifier: Apache-2.0
#include "linear_time.h"

#include <algorithm>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cases.h"

namespace tern::test {

namespace {

/// While it lives, freed memory stays with the process. glibc gives blocks beyond a threshold back
/// to the kernel, which writes zeros anew in each call: half of the time, for the larger text only.
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

double seconds(const std::function<void(std::string_view)>& run, std::string_view text) {
  const double from = cpu_seconds();
  run(text);
  return cpu_seconds() - from;
}

}  // namespace

bool linear_time(const std::function<void(std::string_view)>& run, std::string_view once,
                 std::string_view twice) {
  const KeptMemory kept;
  double one = 1e9, two = 1e9;
  for (int i = 0; i < 180; ++i) {
    one = std::min(one, seconds(run, once));
    two = std::min(two, seconds(run, twice));
    if (i >= 2 && two <= 2.3 * one + 1e-3) return true;
  }
  return false;
}

}  // namespace tern::test
