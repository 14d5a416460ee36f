// SPDX-License-Identifier: Apache-2.0
// rms_norm, group_norm and rope on the CPU backend: the order of Transformers' roundings, the same
// bits with any number of threads and in any batch, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../../engine/nn.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

Tensor rounded(Context& ctx, const Tensor& x) { return convert(ctx, x, DType::bf16); }
Tensor widened(Context& ctx, const Tensor& x) { return convert(ctx, x, DType::f32); }

Tensor product(Context& ctx, const Tensor& x, const Tensor& w, float extra) {
  Tensor y = widened(ctx, x).clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data<float>()[i] *= w.data<float>()[i % w.numel()] + extra;
  return y;
}

/// Mean and variance of n values `stride` apart.
std::pair<double, double> moments(const float* x, int64_t n, int64_t stride) {
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) mean += static_cast<double>(x[i * stride]) / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) squares += std::pow(static_cast<double>(x[i * stride]) - mean, 2);
  return {mean, squares / static_cast<double>(n)};
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.code() == ErrorCode::invalid_argument ? e.what() : "another code";
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("RMSNorm in bf16 rounds before the weight as Llama does, with one_plus once as Gemma does") {
  std::mt19937 rng(1);
  Context ctx;
  const Tensor x = rounded(ctx, random(rng, {7, 200}, 2));
  const Tensor w = widened(ctx, rounded(ctx, random(rng, {200}, 2)));
  const Tensor plain = rms_norm(ctx, x, Tensor(), {.eps = 1e-6F, .result = DType::f32});
  CHECK(same_bits(plain, widened(ctx, rounded(ctx, plain))));
  CHECK(same_bits(RMSNorm(w, 1e-6)(ctx, x), rounded(ctx, product(ctx, plain, w, 0))));

  const Tensor exact = rms_norm(ctx, x, Tensor(), {.eps = 1e-6F, .round_first = false, .result = DType::f32});
  const Tensor gemma = RMSNorm(w, 1e-6, RMSNorm::Weight::one_plus)(ctx, x);
  CHECK(same_bits(gemma, rounded(ctx, product(ctx, exact, w, 1))));
  double squares = 0;
  for (int64_t j = 0; j < 200; ++j) {
    const double v = widened(ctx, x).data<float>()[j];
    squares += v * v / 200;
  }
  const double expected = widened(ctx, x).data<float>()[3] / std::sqrt(squares + 1e-6);
  CHECK(std::abs(exact.data<float>()[3] - expected) <= 16 * 0x1p-24 * std::abs(expected));
}

TEST_CASE("RMSNorm of heads is that of each head's row, in views and in both types") {
  std::mt19937 rng(31);
  ThreadPool four(4, true);
  Context ctx({.pool = &four});
  const Tensor qkv = random(rng, {70, 7 * 12});
  const RMSNorm norm(random(rng, {12}), 1e-6, RMSNorm::Weight::one_plus);
  const Tensor heads = qkv.split(1, 7).slice(1, 2, 5);  // [70, 3, 12], strided
  for (const DType result : {DType::f32, DType::bf16}) {
    const Tensor y = norm(ctx, heads, result);
    CHECK((y.dtype() == result && y.shape() == heads.shape()));
    for (int64_t h = 0; h < 3; ++h) {
      const Tensor row = norm(ctx, heads.slice(1, h, h + 1).clone().reshape({70, 12}), result);
      CHECK(same_bits(y.slice(1, h, h + 1).clone().reshape({70, 12}), row.clone()));
    }
  }
}

TEST_CASE("group norm is the same with any number of threads, and a sequence alone or in a batch") {
  std::mt19937 rng(2);
  const Tensor x = random(rng, {1500, 48}, 2), w = random(rng, {48}, 2), b = random(rng, {48}, 2);
  const Segment parts[] = {{0, 700}, {700, 700}, {700, 1500}};
  ThreadPool one(1), four(4, true);
  Context serial({.pool = &one}), parallel({.pool = &four});
  for (int64_t groups : {48, 4, 1}) {
    const GroupNormOptions options{.groups = groups, .weight = w, .bias = b};
    CHECK(same_bits(group_norm(serial, x, options), group_norm(parallel, x, options)));
    GroupNormOptions batch = options;
    batch.sequences = parts;
    const Tensor y = group_norm(parallel, x, batch);
    CHECK(same_bits(y.slice(0, 700, 1500).clone(), group_norm(serial, x.slice(0, 700, 1500), options)));
    // Channel 0 of a group normalised: mean b, deviation |w| · sqrt(var / (var + eps)). A value is
    // off by a few roundings of what it is made of.
    if (groups != 48) continue;
    const auto [x_mean, x_variance] = moments(x.data<float>(), 700, 48);
    const auto [mean, variance] = moments(y.data<float>(), 700, 48);
    const double weight = std::abs(static_cast<double>(w.data<float>()[0]));
    const double offset = static_cast<double>(b.data<float>()[0]);
    const double largest = weight * (1 + std::abs(x_mean)) / std::sqrt(x_variance) + std::abs(offset);
    CHECK(std::abs(mean - offset) <= 8 * 0x1p-24 * largest);
    const double expected = weight * std::sqrt(x_variance / (x_variance + static_cast<double>(options.eps)));
    CHECK(std::abs(std::sqrt(variance) - expected) <= 8 * 0x1p-24 * largest);
  }
}

TEST_CASE("rope turns a token by its position alone, in place, with any number of threads") {
  std::mt19937 rng(3);
  ThreadPool one(1), four(4, true);
  Context serial({.pool = &one}), parallel({.pool = &four});
  const Tensor qkv = random(rng, {900, 3 * 5 * 12}, 2);
  std::vector<int64_t> positions(900);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int64_t>(i * 7 % 300);
  for (bool interleaved : {false, true}) {
    Rope rope_layer({1, 0.5F, 0.1F, 0.01F}, 1, DType::f32);
    if (interleaved) rope_layer.set_interleaved();
    const RopeAngles angles = rope_layer.angles(parallel, positions);
    const RopeAngles of_one = rope_layer.angles(serial, std::span(positions).subspan(450, 1));
    const Tensor narrow = rounded(parallel, qkv).clone();
    rope(parallel, split_heads(narrow, 0, 3, 5), angles);
    const Tensor narrow_alone = rounded(serial, qkv.slice(0, 450, 451).clone()).clone();
    rope(serial, split_heads(narrow_alone, 0, 3, 5), of_one);
    CHECK(same_bits(narrow_alone, narrow.slice(0, 450, 451).clone()));
    CHECK(same_bits(narrow.slice(1, 60, 180).clone(), rounded(serial, qkv).slice(1, 60, 180).clone()));
    const Tensor all = qkv.clone();
    const Tensor q = rope(parallel, split_heads(all, 0, 3, 5), angles);
    CHECK(q.raw() == all.raw());
    CHECK(same_bits(all.slice(1, 60, 180).clone(), qkv.slice(1, 60, 180).clone()));   // k and v are not touched
    const Tensor alone = split_heads(qkv.slice(0, 450, 451).clone(), 0, 3, 5);
    rope(serial, alone, of_one);
    CHECK(same_bits(alone.clone(), q.slice(0, 450, 451).clone()));
    const float* before = qkv.data<float>() + 450 * 180;
    const double angle = static_cast<double>(positions[450]) * 0.5;   // pair 1
    const int first = interleaved ? 2 : 1, second = interleaved ? 3 : 5;
    const double turned = before[first] * std::cos(angle) - before[second] * std::sin(angle);
    const double magnitude = std::abs(before[first]) + std::abs(before[second]);
    CHECK(std::abs(alone.data<float>()[first] - turned) <= 8 * 0x1p-24 * magnitude);
    CHECK(alone.data<float>()[8] == before[8]);   // past the rotary dimensions
  }
}

TEST_CASE("norms and rope refuse shapes that do not fit") {
  Context ctx;
  const Tensor x = Tensor::empty(DType::f32, {4, 6});
  CHECK(message_of([&] { rms_norm(ctx, x, Tensor::empty(DType::f32, {5}), {}); }) ==
        "rms_norm: weight has shape [5], expected [6]");
  CHECK(message_of([&] { rms_norm(ctx, x, Tensor(), {.result = DType::f16}); }).starts_with("rms_norm: the result is"));
  CHECK(message_of([&] { group_norm(ctx, x, {.groups = 4}); }) == "group_norm: 4 groups do not divide 6 channels");
  const Rope layer({1, 0.5F}, 1, DType::bf16);
  const int64_t positions[] = {0, 1, 2, 3};
  const RopeAngles angles = layer.angles(ctx, positions);
  const Tensor heads = x.reshape({4, 1, 6});
  CHECK(message_of([&] { rope(ctx, heads, layer.angles(ctx, std::span(positions).first(2))); }) ==
        "rope: cos has shape [2, 2], expected [4, at most 3]");
  CHECK(message_of([&] { rope(ctx, x.reshape({4, 2, 3}), angles); }) ==
        "rope: cos has shape [4, 2], expected [4, at most 1]");
}
