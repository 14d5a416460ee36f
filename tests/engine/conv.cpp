// SPDX-License-Identifier: Apache-2.0
// Convolution and pooling as ops: geometry, planar input, folded batch norm, one dimension, errors, and
// the promise that an image has the same bits in any batch and with any number of threads.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "../../engine/nn_conv.h"
#include "../../kernels/isa.h"
#include "scratch.h"

using namespace tern;

namespace {

Tensor random(std::mt19937& rng, Shape shape) {
  Tensor t = Tensor::empty(DType::f32, shape);
  std::uniform_real_distribution<float> value(-1, 1);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = value(rng);
  return t;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dense() && b.dense() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// [n, h, w, c] as [n, c, h, w].
Tensor planar(const Tensor& x) {
  const int64_t n = x.dim(0), h = x.dim(1), w = x.dim(2), c = x.dim(3);
  Tensor y = Tensor::empty(DType::f32, {n, c, h, w});
  for (int64_t i = 0; i < x.numel(); ++i) {
    const int64_t channel = i % c, pixel = i / c;
    y.data<float>()[((pixel / (h * w)) * c + channel) * h * w + pixel % (h * w)] = x.data<float>()[i];
  }
  return y;
}

/// sum over taps and channels of x · w in double, and in `bound` the sum of magnitudes.
double element(const Tensor& x, const Tensor& w, const ConvGeometry& g, const int64_t (&at)[4], double& bound) {
  const int64_t channels = w.dim(1), first = at[3] / (w.dim(0) / g.groups) * channels;
  double sum = 0;
  for (int64_t kh = 0; kh < w.dim(2); ++kh) {
    for (int64_t kw = 0; kw < w.dim(3); ++kw) {
      const int64_t r = at[1] * g.stride_h - g.pad_top + kh * g.dilation_h;
      const int64_t q = at[2] * g.stride_w - g.pad_left + kw * g.dilation_w;
      if (r < 0 || r >= x.dim(1) || q < 0 || q >= x.dim(2)) continue;
      for (int64_t i = 0; i < channels; ++i) {
        const float a = x.data<float>()[((at[0] * x.dim(1) + r) * x.dim(2) + q) * x.dim(3) + first + i];
        const float b = w.data<float>()[((at[3] * channels + i) * w.dim(2) + kh) * w.dim(3) + kw];
        sum += static_cast<double>(a) * b;
        bound += std::abs(static_cast<double>(a) * b);
      }
    }
  }
  return sum;
}

constexpr double kUnit = 1.2e-7;  // two roundings

}  // namespace

TEST_CASE("a convolution with a batch norm is the norm of the convolution, with residual and relu") {
  std::mt19937 rng(1);
  const ConvGeometry geometries[] = {
      {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1},
      {.stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1, .pad_bottom = 0, .pad_right = 0},
      {.dilation_h = 2, .dilation_w = 2, .groups = 4},
  };
  Context ctx;
  for (const ConvGeometry& g : geometries) {
    const int64_t in = 8, out = 12;
    const Tensor x = random(rng, {2, 9, 11, in}), w = random(rng, {out, in / g.groups, 3, 3});
    const Tensor bias = random(rng, {out});
    BatchNorm norm = {random(rng, {out}), random(rng, {out}), random(rng, {out}), random(rng, {out})};
    for (int64_t i = 0; i < out; ++i) norm.variance.data<float>()[i] += 1.5F;
    const Conv conv(w, bias, norm, g, DType::f32);
    const Tensor plain = conv(ctx, x);
    const Tensor residual = random(rng, plain.shape());
    const Tensor y = conv(ctx, x, {.act = Act::relu, .residual = residual, .residual_first = true});
    REQUIRE(y.dim(1) == conv.geometry().out_h(9));
    for (int64_t i = 0; i < y.numel(); ++i) {
      const int64_t pixel = i / out, o = i % out;
      const int64_t at[4] = {pixel / (y.dim(1) * y.dim(2)), pixel / y.dim(2) % y.dim(1), pixel % y.dim(2), o};
      double bound = 0;
      const double sum = element(x, w, conv.geometry(), at, bound) + bias.data<float>()[o];
      const double factor = norm.weight.data<float>()[o] / std::sqrt(norm.variance.data<float>()[o] + 1e-5);
      double expected = (sum - norm.mean.data<float>()[o]) * factor + norm.bias.data<float>()[o];
      expected = std::max(0.0, expected + residual.data<float>()[i]);
      const double tolerance = kUnit * (static_cast<double>(9 * w.dim(1)) + 4) * (bound + 3) * (std::abs(factor) + 1);
      REQUIRE(std::abs(y.data<float>()[i] - expected) <= tolerance);
    }
  }
}

TEST_CASE("planar pixels give what channels-last pixels give") {
  std::mt19937 rng(2);
  Context ctx;
  const Tensor w = random(rng, {20, 3, 4, 4}), x = random(rng, {2, 12, 16, 3});
  const ConvGeometry patches = {.stride_h = 4, .stride_w = 4};
  ConvGeometry pixels = patches;
  pixels.planar = true;
  const Tensor a = Conv(w, Tensor(), patches, DType::f32)(ctx, x);
  const Tensor b = Conv(w, Tensor(), pixels, DType::f32)(ctx, planar(x));
  REQUIRE(a.shape() == b.shape());
  for (int64_t i = 0; i < a.numel(); ++i) {
    // Two orders of 48 products of at most 1.
    REQUIRE(std::abs(a.data<float>()[i] - b.data<float>()[i]) <= kUnit * 48 * 48);
  }
}

TEST_CASE("an image has the same bits alone, in any batch, with any number of threads") {
  std::mt19937 rng(3);
  struct {
    Shape w;
    ConvGeometry g;
  } cases[] = {
      {{40, 16, 3, 3}, {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1}},
      {{64, 8, 3, 3}, {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 8}},
      {{48, 1, 7, 7}, {.pad_top = 3, .pad_left = 3, .pad_bottom = 3, .pad_right = 3, .groups = 48}},
      {{100, 24, 1, 1}, {}},
  };
  for (const auto& c : cases) {
    // bfloat16 is another kernel on the generic level only.
    const bool narrow = kernels::isa() == kernels::Isa::generic;
    for (DType dtype : {DType::f32, DType::bf16}) {
      const Tensor weight = random(rng, c.w), bias = random(rng, {c.w[0]});
      const Conv conv(weight, bias, c.g, dtype);
      const Tensor x = random(rng, {5, 19, 21, conv.geometry().in_channels});
      ThreadPool one(1);
      Context serial({.pool = &one});
      const Tensor whole = conv(serial, x, {.act = Act::gelu});
      if (dtype == DType::bf16 && !narrow) {
        CHECK(same_bits(whole, Conv(weight, bias, c.g, DType::f32)(serial, x, {.act = Act::gelu})));
        continue;
      }
      for (int threads : {2, 4}) {
        ThreadPool pool(threads, true);
        Context parallel({.pool = &pool});
        CHECK(same_bits(whole, conv(parallel, x, {.act = Act::gelu})));
        const Tensor alone = conv(parallel, x.slice(0, 3, 4), {.act = Act::gelu});
        CHECK(same_bits(alone, whole.slice(0, 3, 4).clone()));
      }
    }
  }
}

TEST_CASE("conv1d is conv2d of height one, also planar and with a residual") {
  std::mt19937 rng(4);
  Context ctx;
  const Tensor w = random(rng, {24, 6, 5});
  const ConvGeometry g = {.stride_w = 2, .pad_left = 2, .pad_right = 1};
  const Tensor x = random(rng, {3, 40, 6});
  const Conv conv(w, random(rng, {24}), g, DType::f32);
  const Tensor y = conv(ctx, x);
  CHECK(y.shape() == Shape({3, 20, 24}));
  const Tensor residual = random(rng, y.shape());
  const Tensor added = conv(ctx, x, {.act = Act::relu, .residual = residual});
  for (int64_t i = 0; i < y.numel(); ++i) {
    CHECK(added.data<float>()[i] == std::max(0.0F, y.data<float>()[i]) + residual.data<float>()[i]);
  }
  ConvGeometry p = g;
  p.planar = true;
  const Tensor from_planar = Conv(w, Tensor(), p, DType::f32)(ctx, planar(x.reshape({3, 1, 40, 6})).reshape({3, 6, 40}));
  CHECK(from_planar.shape() == y.shape());
}

TEST_CASE("pool2d has torch's sizes and values") {
  Context ctx;
  std::vector<float> values(16);
  for (size_t i = 0; i < 16; ++i) values[i] = static_cast<float>(i);
  const Tensor x = Tensor::from<float>(std::span<const float>(values), {1, 4, 4, 1});
  using Mode = Pool2dOptions::Mode;
  const auto pooled = [&](const Pool2dOptions& o) {
    const Tensor y = pool2d(ctx, x, o);
    return std::vector<float>(y.data<float>(), y.data<float>() + y.numel());
  };
  Pool2dOptions o = {.mode = Mode::max, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2,
                     .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  CHECK(pooled(o) == std::vector<float>{5, 7, 13, 15});
  o.mode = Mode::average;
  CHECK(pooled(o) == std::vector<float>{10 / 9.0F, 24 / 9.0F, 51 / 9.0F, 10});
  o.count_include_pad = false;
  CHECK(pooled(o) == std::vector<float>{2.5F, 4, 8.5F, 10});
  CHECK(pooled({.mode = Mode::adaptive_average, .out_h = 1, .out_w = 3}) ==
        std::vector<float>{6.5F, 7.5F, 8.5F});
  Pool2dOptions ceil = {.mode = Mode::max, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2};
  CHECK(pooled(ceil) == std::vector<float>{10});
  ceil.ceil_mode = true;
  CHECK(pooled(ceil) == std::vector<float>{10, 11, 14, 15});
}

TEST_CASE("a wrong shape, type or geometry of a convolution is an invalid_argument that says why") {
  std::mt19937 rng(5);
  Context ctx;
  const Conv conv(random(rng, {8, 4, 3, 3}), Tensor(), {}, DType::f32);
  const Error wrong = test::error_of([&] { conv(ctx, random(rng, {1, 5, 5, 3})); });
  CHECK(wrong.code() == ErrorCode::invalid_argument);
  CHECK(std::string(wrong.what()) == "conv2d: x has shape [1, 5, 5, 3], expected [n, h, w, 4]");
  const auto code = [](auto call) { return test::error_of(call).code(); };
  CHECK(code([&] { Conv(random(rng, {8, 4, 3, 3}), random(rng, {7}), {}, DType::f32); }) ==
        ErrorCode::invalid_argument);
  CHECK(code([&] { Conv(random(rng, {8, 4}), Tensor(), {}, DType::f32); }) == ErrorCode::invalid_argument);
  const Tensor x = random(rng, {1, 5, 5, 4});
  const Tensor w = random(rng, {8, 4, 3, 3});
  constexpr int64_t kMost = 1 << 20;
  const ConvGeometry wrong_geometries[] = {
      {.stride_h = kMost + 1},  {.stride_w = 0},       {.pad_top = kMost + 1},
      {.pad_left = -1},         {.dilation_h = 0},     {.dilation_w = kMost / 2 + 1},
      {.groups = 3},            {.groups = 0},         {.groups = 16},
      {.groups = int64_t{1} << 62}, {.groups = 2, .planar = true},
  };
  for (const ConvGeometry& g : wrong_geometries) {
    CHECK(code([&] { Conv(w, Tensor(), g, DType::f32); }) == ErrorCode::invalid_argument);
  }
  CHECK(Conv(w, Tensor(), {.dilation_w = kMost / 2}, DType::f32));
  CHECK(code([&] { conv(ctx, x, {.residual = x}); }) == ErrorCode::invalid_argument);
  CHECK(code([&] { pool2d(ctx, x, {.kernel_h = 2, .pad_top = 2}); }) == ErrorCode::invalid_argument);
  CHECK(code([&] { pool2d(ctx, x, {.stride_h = 0}); }) == ErrorCode::invalid_argument);
  CHECK(conv(ctx, random(rng, {1, 2, 5, 4})).numel() == 0);  // the kernel does not fit
}
