// SPDX-License-Identifier: Apache-2.0
// The op `attention`: masks, groups of heads, caches and biases against the formula in double
// precision; bits that depend neither on threads nor on prefill or decode; errors.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../../engine/ops.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

double at(const Tensor& t, int64_t i, int64_t h, int64_t d) {
  return static_cast<double>(t.data<float>()[i * t.stride(0) + h * t.stride(1) + d]);
}

struct Case {
  Tensor q, k, v;
  AttentionOptions options;
};

double score(const Case& c, const Segment& s, int64_t i, int64_t h, int64_t j) {
  const AttentionOptions& o = c.options;
  const int64_t kv = h / (c.q.dim(1) / c.k.dim(1));
  double dot = 0;
  for (int64_t d = 0; d < c.q.dim(2); ++d) {
    dot += at(c.q, s.begin + i, h, d) * at(c.k, s.first_key() + j, kv, d);
  }
  double value = dot * static_cast<double>(o.scale);
  if (o.softcap > 0)
    value = static_cast<double>(o.softcap) * std::tanh(value / static_cast<double>(o.softcap));
  if (o.bias) value += at(o.bias, o.bias.dim(0) == 1 ? 0 : h, s.begin + i, j);
  if (o.relative_bias) {
    const int64_t width = o.relative_bias.dim(1), distance = j - s.position() - i;
    value += static_cast<double>(o.relative_bias.data<float>()[h * width + width / 2 + distance]);
  }
  return value;
}

bool visible(const Case& c, const Segment& s, int64_t i, int64_t j) {
  const AttentionOptions& o = c.options;
  const int64_t p = s.position() + i;
  if (o.causal && j > p) return false;
  if (o.window > 0 && std::abs(p - j) >= o.window) return false;
  const uint8_t* mask = o.segments.key_mask;
  return mask == nullptr || mask[s.first_key() + j] != 0;
}

/// Whether row (i, h) of the sequence is the formula's. |v| ≤ 1 and |score| ≤ 8, so an output is
/// off by a few roundings of scores, twice: 2^-24 · (8 · head_dim + 64).
bool row_is_right(const Case& c, const Tensor& y, const Segment& s, int64_t i, int64_t h) {
  const int64_t head_dim = c.q.dim(2), kv = h / (c.q.dim(1) / c.k.dim(1));
  std::vector<double> out(static_cast<size_t>(head_dim));
  double sum = 0;
  for (int64_t j = 0; j < s.keys(); ++j) {
    if (!visible(c, s, i, j)) continue;
    const double weight = std::exp(score(c, s, i, h, j));
    sum += weight;
    for (int64_t d = 0; d < head_dim; ++d) {
      out[static_cast<size_t>(d)] += weight * at(c.v, s.first_key() + j, kv, d);
    }
  }
  const double tolerance = std::ldexp(1.0, -24) * (8 * static_cast<double>(head_dim) + 64);
  for (int64_t d = 0; d < head_dim; ++d) {
    const double expected = sum > 0 ? out[static_cast<size_t>(d)] / sum : 0;
    if (std::abs(at(y, s.begin + i, h, d) - expected) > tolerance) return false;
  }
  return true;
}

std::string message_of(const Case& c) {
  Context ctx;
  try {
    attention(ctx, c.q, c.k, c.v, c.options);
  } catch (const Error& e) {
    return e.code() == ErrorCode::invalid_argument ? e.what() : "another code";
  }
  return {};
}

}  // namespace

TEST_CASE("attention with masks, groups of heads, caches and biases is the formula") {
  std::mt19937 rng(11);
  // Two sequences: the last 5 of 70 cached tokens, and 40 tokens from the beginning.
  const std::vector<Segment> segments = {{0, 5, 10, 80}, {5, 45, 90, 130}};
  const int64_t heads = 6, head_dim = 12;
  for (int64_t kv_heads : {1, 2, 6}) {
    for (int round = 0; round < 32; ++round) {
      Case c{random(rng, {45, heads, head_dim}),
             random(rng, {140, kv_heads, head_dim}),
             random(rng, {140, kv_heads, head_dim}),
             {}};
      std::vector<uint8_t> mask(140, 1);
      mask[12] = mask[91] = mask[92] = 0;
      c.options.segments = {segments, round % 2 ? mask.data() : nullptr};
      c.options.scale = 0.5F;
      c.options.causal = round & 2;
      c.options.window = round & 4 ? 9 : 0;
      c.options.softcap = round & 8 ? 0.7F : 0;
      if (round & 16) {
        c.options.bias = random(rng, {round % 3 ? heads : 1, 45, 75});
        c.options.relative_bias = random(rng, {heads, 2 * 71 - 1});
      }
      Context ctx;
      const Tensor y = attention(ctx, c.q, c.k, c.v, c.options);
      INFO("kv heads ", kv_heads, " round ", round);
      for (const Segment& s : segments) {
        for (int64_t i = 0; i < s.queries(); i += 3) {
          for (int64_t h = 0; h < heads; ++h) REQUIRE(row_is_right(c, y, s, i, h));
        }
      }
    }
  }
}

TEST_CASE("decoding from a cache gives the bits of the prefill, by any number of threads") {
  std::mt19937 rng(12);
  const int64_t tokens = 1200, heads = 4, kv_heads = 2, head_dim = 32;
  for (DType dtype : {DType::f32, DType::bf16}) {
    Context here;
    const Tensor q = convert(here, random(rng, {tokens, heads, head_dim}), dtype);
    const Tensor k = convert(here, random(rng, {tokens, kv_heads, head_dim}), dtype);
    const Tensor v = convert(here, random(rng, {tokens, kv_heads, head_dim}), dtype);
    ThreadPool one(1), four(4, true);
    for (int64_t window : {0, 600}) {
      const auto run = [&](ThreadPool& pool, int64_t begin, int64_t end) {
        Context ctx({.pool = &pool});
        const Segment step[] = {{0, end - begin, 0, end}};
        return attention(ctx, q.slice(0, begin, end), k, v,
                         {.segments = {step}, .causal = true, .window = window});
      };
      const Tensor prefill = run(one, 0, tokens);
      CHECK(same_bits(prefill, run(four, 0, tokens)));
      for (int64_t begin : {0, 1, 63, 511, 512, 777, 1199}) {
        for (int64_t count : {1, 4}) {
          const int64_t end = std::min(begin + count, tokens);
          const Tensor expected = prefill.slice(0, begin, end).clone();
          INFO("token ", begin, " window ", window);
          CHECK(same_bits(expected, run(one, begin, end)));
          CHECK(same_bits(expected, run(four, begin, end)));
        }
      }
    }
  }
}

TEST_CASE("attention names what does not fit") {
  std::mt19937 rng(13);
  const Segment segment[] = {{0, 4}};
  const Case good{random(rng, {4, 6, 8}),
                  random(rng, {4, 2, 8}),
                  random(rng, {4, 2, 8}),
                  {.segments = {segment}}};
  CHECK(message_of(good).empty());
  const auto wrong = [&](auto change, const char* expected) {
    Case c = good;
    change(c);
    const std::string message = message_of(c);
    INFO(message);
    CHECK(message.find(expected) != std::string::npos);
  };
  wrong([&](Case& c) { c.k = random(rng, {4, 4, 8}); }, "k has shape [4, 4, 8]");
  wrong([&](Case& c) { c.v = random(rng, {5, 2, 8}); }, "v has shape [5, 2, 8]");
  wrong([&](Case& c) { c.q = random(rng, {4, 6, 300}); }, "a head_dim of 1 to 256");
  const Segment beyond[] = {{0, 4, 1, 6}};
  wrong([&](Case& c) { c.options.segments = {beyond}; }, "rows [1, 6)");
  const Segment backwards[] = {{0, 4, 3, 1}};
  wrong([&](Case& c) { c.options.segments = {backwards}; }, "rows [3, 1)");
  wrong([&](Case& c) { c.options.bias = random(rng, {6, 4, 3}); }, "bias has shape [6, 4, 3]");
  wrong([&](Case& c) { c.options.bias = random(rng, {2, 4, 4}); }, "bias has shape [2, 4, 4]");
  wrong([&](Case& c) { c.options.relative_bias = random(rng, {6, 5}); }, "relative_bias");
  wrong([&](Case& c) { c.options.window = -1; }, "window -1");
  wrong([&](Case& c) { c.options.softcap = NAN; }, "softcap nan");
  Context ctx;
  wrong([&](Case& c) { c.q = convert(ctx, c.q, DType::bf16); }, "k is float32, expected bfloat16");
}
