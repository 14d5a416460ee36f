// SPDX-License-Identifier: Apache-2.0
// Random tensors and bitwise comparison for the tests of this folder.
#pragma once

#include <cstring>
#include <random>

#include "../../engine/ops.h"

namespace tern::test {

inline Tensor random(std::mt19937& rng, Shape shape, float scale = 1.0F) {
  Tensor t = Tensor::empty(DType::f32, shape);
  std::uniform_real_distribution<float> value(-scale, scale);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = value(rng);
  return t;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.dense() && b.dense() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

inline Tensor in(Context& ctx, const Tensor& x, DType dtype) {
  Tensor out = Tensor::empty(dtype, x.shape());
  cpu_backend().convert(ctx, x, out);
  return out;
}

}  // namespace tern::test
