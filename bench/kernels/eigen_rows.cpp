// SPDX-License-Identifier: Apache-2.0
// The baseline Eigen for row operations (f32), compiled for the building machine since Eigen picks
// its code then. Written as one would: an expression over a row, or over all elements.
#include <Eigen/Core>

#include "rows_baseline.h"

namespace tern::bench {

namespace {

using Row = Eigen::Array<float, 1, Eigen::Dynamic>;

template <class F>
std::function<void()> by_row(const RowWork& w, F f) {
  return [w, f] {
    for (long i = 0; i < w.rows; ++i) {
      const Eigen::Map<const Row> x(w.x + i * w.cols, w.cols);
      Eigen::Map<Row> y(w.y + i * w.cols, w.cols);
      f(x, y);
    }
  };
}

template <class F>
std::function<void()> on_all(const RowWork& w, F f) {
  return by_row({w.op, 1, w.rows * w.cols, w.x, w.y}, f);
}

}  // namespace

std::function<void()> eigen_rows(const RowWork& w) {
  switch (w.op) {
    case RowOp::layer_norm: {
      const Row weight = Row::Constant(w.cols, 1.5f), bias = Row::Constant(w.cols, 0.5f);
      return by_row(w, [weight, bias](const auto& x, auto& y) {
        const float mean = x.mean();
        const float variance = (x - mean).square().mean();
        y = (x - mean) * (1 / std::sqrt(variance + 1e-12f)) * weight + bias;
      });
    }
    case RowOp::softmax:
      return by_row(w, [](const auto& x, auto& y) {
        y = (x - x.maxCoeff()).exp();
        y *= 1 / y.sum();
      });
    case RowOp::tanh:
      return on_all(w, [](const auto& x, auto& y) { y = x.tanh(); });
    case RowOp::sigmoid:
      return on_all(w, [](const auto& x, auto& y) { y = 1 / (1 + (-x).exp()); });
    case RowOp::silu:
      return on_all(w, [](const auto& x, auto& y) { y = x / (1 + (-x).exp()); });
    case RowOp::gelu_tanh:
      return on_all(w, [](const auto& x, auto& y) {
        y = 0.5f * x * (1 + (0.79788456f * (x + 0.044715f * x.cube())).tanh());
      });
    case RowOp::relu:
      return on_all(w, [](const auto& x, auto& y) { y = x.max(0.0f); });
    case RowOp::add:
      return on_all(w, [](const auto& x, auto& y) { y += x; });
    case RowOp::other:
    case RowOp::gelu:
    case RowOp::f32_to_bf16:
    case RowOp::bf16_to_f32:
      return {};
  }
  return {};
}

}  // namespace tern::bench
