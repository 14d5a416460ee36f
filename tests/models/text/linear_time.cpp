// SPDX-License-Identifier: Apache-2.0
#include "linear_time.h"

#include <algorithm>

#include "cases.h"
#include "kept_memory.h"

namespace tern::test {

namespace {

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
