// SPDX-License-Identifier: Apache-2.0
// Other libraries' matrix products, one thread: y [m, n] = x [m, k] · w [n, k] transposed.
// onednn.cpp and eigen.cpp define these; without_<library>.cpp where it is absent.
#pragma once

#include <functional>

#include "../../kernels/isa.h"

namespace tern::bench {

struct Product {
  long m, n, k;
  kernels::Format format;  // of x and w; y is f32
  const void* x;
  const void* w;
  float* y;
};

/// A call that computes y once; weights are already in the library's own layout. Empty when the
/// library is absent or cannot do this.
std::function<void()> onednn_product(const Product& p);
std::function<void()> eigen_product(const Product& p);

}  // namespace tern::bench
