// SPDX-License-Identifier: Apache-2.0
// Other libraries' matrix products, one thread: y [m, n] = x [m, k] · w [n, k] transposed.
// onednn.cpp and eigen.cpp define these; without_<library>.cpp where it is absent.
#pragma once

#include <stdint.h>

#include <functional>
#include <string>

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

struct Int8Product {
  long m, n, k;
  const uint8_t* x;       // [m, k]
  const float* x_floats;  // [m, k], or null; see below
  float x_scale;          // a float of x is x_scale times its byte
  const int8_t* w;        // [n, k]
  const float* w_scales;  // [n]
  float* y;               // [m, n]: x_scale · w_scales[n] · the sum of byte products
};

/// The cheapest W8A8 product of oneDNN 2.6: one scale per output channel, one for all of x, no zero
/// point (with a scale per row it falls back to its reference code). Where x_floats is given each
/// call quantises them by x_scale first, into memory of its own; else x is taken as it is.
std::function<void()> onednn_int8_product(const Int8Product& p);

/// "2.6.3"; empty when the library is absent.
std::string onednn_version();
std::string eigen_version();

}  // namespace tern::bench
