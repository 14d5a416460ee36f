// SPDX-License-Identifier: Apache-2.0
// Stands in for onednn.cpp where oneDNN is not installed.
#include "baselines.h"

namespace tern::bench {
std::function<void()> onednn_product(const Product&) {
  return {};
}
std::function<void()> onednn_int8_product(const Int8Product&) {
  return {};
}
std::string onednn_version() {
  return {};
}
}  // namespace tern::bench
