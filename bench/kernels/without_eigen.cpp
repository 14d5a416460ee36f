// SPDX-License-Identifier: Apache-2.0
// Stands in for eigen.cpp where Eigen is not installed.
#include "baselines.h"

namespace tern::bench {
std::function<void()> eigen_product(const Product&) {
  return {};
}
std::string eigen_version() {
  return {};
}
}  // namespace tern::bench
