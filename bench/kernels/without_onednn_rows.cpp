// SPDX-License-Identifier: Apache-2.0
// Stands in for onednn_rows.cpp where oneDNN is not installed.
#include "rows_baseline.h"

namespace tern::bench {
std::function<void()> onednn_rows(const RowWork&) {
  return {};
}
}  // namespace tern::bench
