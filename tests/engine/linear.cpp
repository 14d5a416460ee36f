// SPDX-License-Identifier: Apache-2.0
// Linear layers in every weight format: stacked and woven weights, the bits of a row in any
// company, and how far a quantised product is from the exact one.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "../../engine/nn.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr WeightFormat kWeightFormats[] = {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16,
                                           WeightFormat::int8, WeightFormat::int4};

double gelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

/// One element of gelu(x·wᵀ + b) + r, and in `bound` the sum of magnitudes its error scales with.
double linear_element(const Tensor& x, const Tensor& w, const Tensor& b, int64_t i, int64_t j,
                      double& bound) {
  double sum = b.data<float>()[j];
  bound = std::abs(sum);
  for (int64_t k = 0; k < x.dim(1); ++k) {
    const double product =
        static_cast<double>(x.data<float>()[i * x.dim(1) + k]) * w.data<float>()[j * x.dim(1) + k];
    sum += product;
    bound += std::abs(product);
  }
  return sum;
}

/// ‖y - x·wᵀ‖ / ‖x·wᵀ‖ in double precision.
double relative_error(const Tensor& x, const Tensor& w, const Tensor& y) {
  const Tensor none = Tensor::empty(DType::f32, {w.dim(0)});
  std::fill_n(none.data<float>(), none.numel(), 0.0F);
  double error = 0, norm = 0, bound = 0;
  for (int64_t i = 0; i < x.dim(0); ++i) {
    for (int64_t j = 0; j < w.dim(0); ++j) {
      const double expected = linear_element(x, w, none, i, j, bound);
      const double found = static_cast<double>(y.data<float>()[i * w.dim(0) + j]);
      error += (found - expected) * (found - expected);
      norm += expected * expected;
    }
  }
  return std::sqrt(error / norm);
}

}  // namespace

TEST_CASE("a stack of weights whose parts end inside a panel is one product, part by part") {
  std::mt19937 rng(1);
  const int64_t k = 37;
  const Tensor parts[] = {random(rng, {50, k}), random(rng, {3, k}), random(rng, {131, k})};
  const Tensor biases[] = {random(rng, {50}), random(rng, {3}), random(rng, {131})};
  const Linear stacked(parts, biases, LinearFormat());
  CHECK(stacked.out_features() == 184);
  Context ctx;
  const Tensor x = random(rng, {9, k});
  const Tensor y = stacked(ctx, x, {.act = Act::gelu});
  int64_t column = 0;
  for (size_t p = 0; p < 3; ++p) {
    const Linear alone(parts[p], biases[p], LinearFormat());
    const Tensor part = alone(ctx, x, {.act = Act::gelu});
    CHECK(same_bits(part, y.slice(1, column, column + part.dim(1)).clone()));
    for (int64_t i = 0; i < x.dim(0); ++i) {
      for (int64_t j = 0; j < part.dim(1); ++j) {
        double bound = 0;
        const double expected = gelu(linear_element(x, parts[p], biases[p], i, j, bound));
        const double tolerance = 1.2e-7 * static_cast<double>(k + 8) * bound;
        REQUIRE(std::abs(part.data<float>()[i * part.dim(1) + j] - expected) <= tolerance);
      }
    }
    column += part.dim(1);
  }
}

TEST_CASE(
    "a linear layer gives a row the same bits alone, in any batch, with any number of threads") {
  std::mt19937 rng(2);
  for (WeightFormat format : kWeightFormats) {
    const Linear layer(random(rng, {400, 96}), random(rng, {400}),
                       LinearFormat{format, DType::f32});
    const Tensor x = random(rng, {300, 96});
    const Tensor residual = random(rng, {300, 400});
    ThreadPool one(1);
    Context serial({.pool = &one});
    const Tensor whole = layer(serial, x, {.act = Act::tanh, .residual = residual});
    for (int threads : {2, 4}) {
      ThreadPool pool(threads, true);
      Context parallel({.pool = &pool});
      CHECK(same_bits(whole, layer(parallel, x, {.act = Act::tanh, .residual = residual})));
      for (int64_t row : {0, 17, 299}) {
        const Tensor alone = layer(parallel, x.slice(0, row, row + 1),
                                   {.act = Act::tanh, .residual = residual.slice(0, row, row + 1)});
        CHECK(same_bits(alone, whole.slice(0, row, row + 1).clone()));
      }
    }
  }
}

TEST_CASE("bf16 and f16 weights are widened or rounded once, whatever type the file has") {
  std::mt19937 rng(3);
  Context ctx;
  const Tensor w = random(rng, {64, 32});
  const Tensor narrow = convert(ctx, w, DType::bf16).clone();
  const Tensor widened = convert(ctx, narrow, DType::f32).clone();
  const Tensor x = random(rng, {5, 32});
  CHECK(same_bits(Linear(narrow, Tensor(), LinearFormat::of(DType::f32))(ctx, x),
                  Linear(widened, Tensor(), LinearFormat::of(DType::f32))(ctx, x)));
  CHECK(same_bits(Linear(narrow, Tensor(), LinearFormat::of(DType::bf16))(ctx, x),
                  Linear(w, Tensor(), LinearFormat::of(DType::bf16))(ctx, x)));
  Tensor f64 = Tensor::empty(DType::f64, w.shape());
  for (int64_t i = 0; i < w.numel(); ++i) f64.data<double>()[i] = w.data<float>()[i];
  CHECK(same_bits(Linear(f64, Tensor(), LinearFormat::of(DType::f32))(ctx, x),
                  Linear(w, Tensor(), LinearFormat::of(DType::f32))(ctx, x)));
}

TEST_CASE("a gate and its up weight, woven, give act(gate) · up") {
  std::mt19937 rng(8);
  Context ctx;
  const Tensor gate = random(rng, {75, 64}), up = random(rng, {75, 64}), x = random(rng, {11, 64});
  for (WeightFormat weights : kWeightFormats) {
    const LinearFormat format{weights, DType::f32};
    const Linear both = Linear::gate_up({.gate = gate, .up = up}, format);
    const Tensor y = both(ctx, x, {.act = Act::relu, .gate = true});
    const Tensor g = Linear(gate, Tensor(), format)(ctx, x, {.act = Act::relu});
    const Tensor u = Linear(up, Tensor(), format)(ctx, x);
    CHECK(y.shape() == Shape({11, 75}));
    for (int64_t i = 0; i < y.numel(); ++i) {
      REQUIRE(y.data<float>()[i] == g.data<float>()[i] * u.data<float>()[i]);
    }
  }
}

TEST_CASE("a quantised product is as near to the exact one as its bits allow, also with outliers") {
  std::mt19937 rng(9);
  Context ctx;
  const int64_t k = 384;
  const Tensor w = random(rng, {96, k}), x = random(rng, {20, k});
  // Uniform values are off by step / sqrt(12) each, relative to rms 1/sqrt(3): at most 1 / 254 per
  // operand in int8 (rotated, the largest of a group is about the rms times 3.5 at most); the 4
  // bits of a weight are at most 1 / 14 off likewise.
  const auto error = [&](WeightFormat weights) {
    return relative_error(x, w, Linear(w, Tensor(), LinearFormat{weights, DType::f32})(ctx, x));
  };
  CHECK(error(WeightFormat::int8) < 2 * std::sqrt(2.0) / 254);
  CHECK(error(WeightFormat::int4) < 1.5 / 14);
  CHECK(error(WeightFormat::int4) > error(WeightFormat::int8));
  // One feature a hundred times the others, as in the residual stream of real models: without
  // rotation the whole row would be off by 100 / 254.
  for (int64_t i = 0; i < x.dim(0); ++i) x.data<float>()[i * k + 7] *= 100;
  CHECK(error(WeightFormat::int8) < 3 * std::sqrt(2.0) / 254);
}
