// SPDX-License-Identifier: Apache-2.0
// Other libraries' row operations, one thread, from x to y [rows, cols], dense. onednn_rows.cpp and
// eigen_rows.cpp define these; without_<library>_rows.cpp where it is absent.
#pragma once

#include <functional>

namespace tern::bench {

enum class RowOp {
  other,       // nothing there does it
  layer_norm,  // with weight and bias
  softmax,
  gelu,  // by erf
  gelu_tanh,
  tanh,
  silu,
  sigmoid,
  relu,
  add,  // y + x
  f32_to_bf16,
  bf16_to_f32,
};

struct RowWork {
  RowOp op;
  long rows, cols;
  float* x;  // bf16 where the op's name says so
  float* y;
};

/// A call that does the work once. Empty when the library is absent or has not got the op.
std::function<void()> onednn_rows(const RowWork& work);
std::function<void()> eigen_rows(const RowWork& work);

}  // namespace tern::bench
