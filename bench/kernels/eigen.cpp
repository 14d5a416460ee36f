// SPDX-License-Identifier: Apache-2.0
// The baseline Eigen (f32), compiled for the building machine since Eigen picks its code then.
#include <Eigen/Core>

#include "baselines.h"

namespace tern::bench {

std::function<void()> eigen_product(const Product& p) {
  if (p.format != kernels::Format::f32) return {};
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return [p] {
    const Eigen::Map<const Matrix> x(static_cast<const float*>(p.x), p.m, p.k);
    const Eigen::Map<const Matrix> w(static_cast<const float*>(p.w), p.n, p.k);
    Eigen::Map<Matrix>(p.y, p.m, p.n).noalias() = x * w.transpose();
  };
}

std::string eigen_version() {
  return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION);
}

}  // namespace tern::bench
