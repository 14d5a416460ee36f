// SPDX-License-Identifier: Apache-2.0
// Stands in for eigen_rows.cpp where Eigen is not installed.
#include "rows_baseline.h"

namespace tern::bench {
std::function<void()> eigen_rows(const RowWork&) {
  return {};
}
}  // namespace tern::bench
