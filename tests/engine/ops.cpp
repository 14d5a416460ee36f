// SPDX-License-Identifier: Apache-2.0
// The op vocabulary on the CPU backend: against double-precision definitions, and its promise that a
// token's result has the same bits in any batch and with any number of threads.
#include "../../engine/ops.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../../engine/nn.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

/// ErrorCode and message of what `call` throws.
template <class Call>
std::pair<ErrorCode, std::string> error_of(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

}  // namespace

TEST_CASE("attention gives a sequence the same bits alone and anywhere in a packed batch") {
  std::mt19937 rng(4);
  const int64_t heads = 3, head_dim = 20;
  const std::vector<Segment> all = {{0, 1}, {1, 18}, {18, 18}, {18, 118}, {118, 150}};
  const Tensor qkv = random(rng, {150, 3 * heads * head_dim});
  const Tensor bias = random(rng, {heads, 2 * 100 - 1});
  auto run = [&](ThreadPool& pool, const Tensor& packed, std::span<const Segment> segments) {
    Context ctx({.pool = &pool});
    return attention(ctx, split_heads(packed, 0, 3, heads), split_heads(packed, 1, 3, heads),
                     split_heads(packed, 2, 3, heads), {.segments = {segments}, .relative_bias = bias});
  };
  ThreadPool one(1), four(4, true);
  const Tensor whole = run(one, qkv, all);
  CHECK(same_bits(whole, run(four, qkv, all)));
  for (const Segment& s : all) {
    const Segment alone[] = {{0, s.end - s.begin}};
    CHECK(same_bits(run(four, qkv.slice(0, s.begin, s.end), alone), whole.slice(0, s.begin, s.end).clone()));
  }
}

TEST_CASE("attention with a relative bias is softmax(q·k·scale + bias[j - i])·v") {
  std::mt19937 rng(5);
  const int64_t tokens = 70, heads = 2, head_dim = 8, span = 90;
  const Tensor q = random(rng, {tokens, heads, head_dim}), k = random(rng, {tokens, heads, head_dim});
  const Tensor v = random(rng, {tokens, heads, head_dim}), bias = random(rng, {heads, 2 * span - 1});
  std::vector<uint8_t> mask(tokens, 1);
  mask[3] = mask[69] = 0;
  const Segment sequence[] = {{0, tokens}};
  Context ctx;
  const Tensor y = attention(ctx, q, k, v, {.segments = {sequence, mask.data()}, .scale = 0.3F, .relative_bias = bias});
  auto at = [&](const Tensor& t, int64_t i, int64_t h, int64_t d) {
    return static_cast<double>(t.data<float>()[(i * heads + h) * head_dim + d]);
  };
  for (int64_t i = 0; i < tokens; i += 3) {
    for (int64_t h = 0; h < heads; ++h) {
      double total = 0;
      std::vector<double> out(static_cast<size_t>(head_dim));
      for (int64_t j = 0; j < tokens; ++j) {
        if (!mask[static_cast<size_t>(j)]) continue;
        double score = bias.data<float>()[h * bias.dim(1) + span - 1 + j - i];
        for (int64_t d = 0; d < head_dim; ++d) score += static_cast<double>(0.3F) * at(q, i, h, d) * at(k, j, h, d);
        total += std::exp(score);
        for (int64_t d = 0; d < head_dim; ++d) out[static_cast<size_t>(d)] += std::exp(score) * at(v, j, h, d);
      }
      // Scores are below 4, so exp(score) carries their error of a few ulp; |v| ≤ 1.
      const double tolerance = 1.2e-7 * (4.0 * static_cast<double>(head_dim) + 8);
      for (int64_t d = 0; d < head_dim; ++d) {
        REQUIRE(std::abs(at(y, i, h, d) - out[static_cast<size_t>(d)] / total) <= tolerance);
      }
    }
  }
}

TEST_CASE("scatter_add adds rows in ascending order, and softcap is cap · tanh(x / cap)") {
  std::mt19937 rng(9);
  Context ctx;
  const Tensor x = random(rng, {3, 21}, 40);
  Tensor y = random(rng, {4, 21});
  const Tensor before = y.clone();
  const std::vector<int64_t> rows = {2, 0, 2};
  const std::vector<float> factors = {0.3F, -2, 0.7F};
  scatter_add(ctx, x, rows, factors, y);
  const auto at = [](const Tensor& t, int64_t row, int64_t i) { return t.data<float>()[row * 21 + i]; };
  const Tensor capped = softcap(ctx, x, 30);
  for (int64_t i = 0; i < 21; ++i) {
    CHECK(at(y, 1, i) == at(before, 1, i));
    CHECK(at(y, 3, i) == at(before, 3, i));
    CHECK(at(y, 0, i) == at(before, 0, i) + -2.0F * at(x, 1, i));
    const float once = at(before, 2, i) + 0.3F * at(x, 0, i);
    CHECK(at(y, 2, i) == once + 0.7F * at(x, 2, i));
    const double wanted = 30 * std::tanh(static_cast<double>(at(x, 0, i)) / 30);
    CHECK(std::abs(static_cast<double>(at(capped, 0, i)) - wanted) <= 16 * 0x1p-24 * 30);
  }
  const auto bad = error_of([&] { scatter_add(ctx, x, std::vector<int64_t>{0, 4, 1}, factors, y); });
  CHECK(bad.first == ErrorCode::invalid_argument);
  CHECK(bad.second == "scatter_add: row 4 of 4");
  CHECK(error_of([&] { scatter_add(ctx, x, rows, std::span(factors).first(2), y); }).second ==
        "scatter_add: 3 rows and 2 factors for 3 rows of x");
}

TEST_CASE("pooling takes the rows its mode names and skips masked ones") {
  Context ctx;
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6, 7, 8};   // four tokens of two features
  const Tensor x = Tensor::from<float>(std::span<const float>(rows), {4, 2});
  const Segment sequences[] = {{0, 3}, {3, 4}};
  const uint8_t mask[] = {1, 1, 0, 1};
  auto pooled = [&](Pooling mode, const uint8_t* m) {
    const Tensor y = pool(ctx, x, {sequences, m}, mode);
    return std::vector<float>(y.data<float>(), y.data<float>() + 4);
  };
  CHECK(pooled(Pooling::cls, nullptr) == std::vector<float>{1, 2, 7, 8});
  CHECK(pooled(Pooling::last, nullptr) == std::vector<float>{5, 6, 7, 8});
  CHECK(pooled(Pooling::last, mask) == std::vector<float>{3, 4, 7, 8});
  CHECK(pooled(Pooling::mean, nullptr) == std::vector<float>{3, 4, 7, 8});
  CHECK(pooled(Pooling::mean, mask) == std::vector<float>{2, 3, 7, 8});
  CHECK(pooled(Pooling::max, mask) == std::vector<float>{3, 4, 7, 8});
  const float root = 1.0F / std::sqrt(3.0F);
  CHECK(pooled(Pooling::mean_sqrt_len, nullptr) == std::vector<float>{9 * root, 12 * root, 7, 8});
  const std::vector<float> weighted = pooled(Pooling::weighted_mean, nullptr);
  CHECK(weighted[0] == doctest::Approx((1 * 1 + 3 * 2 + 5 * 3) / 6.0));
}

TEST_CASE("a wrong shape, type, id or sequence is an invalid_argument that says what was expected") {
  std::mt19937 rng(6);
  Context ctx;
  const Linear layer(random(rng, {8, 4}), Tensor(), LinearFormat());
  const Tensor x = random(rng, {2, 5});
  auto [code, message] = error_of([&] { layer(ctx, x); });
  CHECK(code == ErrorCode::invalid_argument);
  CHECK(message == "linear: x has shape [2, 5], expected [tokens, 4]");

  const int64_t ids[] = {0, 7, 1};
  const EmbeddingInput input[] = {{random(rng, {7, 4}), ids}};
  CHECK(error_of([&] { embedding(ctx, input, "word_embeddings"); }).second.find(
            "word_embeddings: id 7 at token 1 is outside the table of 7 entries") == 0);

  const Tensor q = random(rng, {4, 1, 8});
  const Segment hole[] = {{0, 1}, {2, 4}};
  CHECK(error_of([&] { attention(ctx, q, q, q, {.segments = {hole}}); }).first == ErrorCode::invalid_argument);
  const Segment beyond[] = {{0, 5}};
  CHECK(error_of([&] { attention(ctx, q, q, q, {.segments = {beyond}}); }).first == ErrorCode::invalid_argument);
  CHECK(error_of([&] { gather_rows(ctx, x, std::vector<int64_t>{2}); }).first == ErrorCode::invalid_argument);
  CHECK(error_of([&] { add(ctx, x, q); }).first == ErrorCode::invalid_argument);
}

TEST_CASE("a cancelled call and one past its deadline end with their own codes") {
  std::mt19937 rng(7);
  const Linear layer(random(rng, {8, 4}), Tensor(), LinearFormat());
  const Tensor x = random(rng, {2, 4});
  std::atomic<bool> cancel = true;
  Context cancelled({.cancel = &cancel});
  CHECK(error_of([&] { layer(cancelled, x); }).first == ErrorCode::cancelled);
  Context late({.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)});
  CHECK(error_of([&] { layer(late, x); }).first == ErrorCode::deadline);
}
