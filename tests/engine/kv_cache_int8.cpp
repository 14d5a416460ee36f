// SPDX-License-Identifier: Apache-2.0
// A KvCache in int8: what it costs in accuracy and in memory, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "../../engine/kv_cache.h"
#include "../../engine/ops.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

/// Attention of the last query over `tokens` tokens that came in steps of `step`.
Tensor attend(Context& ctx, KvCache& cache, const Tensor& q, const Tensor& k, const Tensor& v,
              int64_t step) {
  Tensor out;
  for (int64_t at = 0; at < k.dim(0); at += step) {
    const int64_t count = std::min(step, k.dim(0) - at);
    const std::vector<Segment> segments = {cache.segment(0, 0, count)};
    const KvCache::Layer kept =
        cache.put(ctx, 0, {segments}, k.slice(0, at, at + count), v.slice(0, at, at + count));
    AttentionOptions options = {.scale = 0.25f, .causal = true};
    options.segments.sequences = kept.sequences;
    out = attention(ctx, q.slice(0, at, at + count), kept.keys, kept.values, options);
    cache.advance(0, count);
  }
  return out.slice(0, out.dim(0) - 1, out.dim(0)).clone();
}

}  // namespace

TEST_CASE("attention over keys and values in int8 is near that over floats, in any steps") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int64_t head_dim : {16, 64, 80}) {
      CAPTURE(head_dim);
      std::mt19937 rng(3);
      Context ctx;
      const int64_t tokens = 1100;
      const Tensor q = in(ctx, random(rng, {tokens, 6, head_dim}), dtype);
      const Tensor k = in(ctx, random(rng, {tokens, 2, head_dim}), dtype);
      const Tensor v = in(ctx, random(rng, {tokens, 2, head_dim}), dtype);
      KvShape shape = {.layers = 1, .kv_heads = 2, .head_dim = head_dim, .dtype = dtype};
      KvCache exact(shape, 1, tokens);
      shape.dtype = DType::i8;
      const auto rounded = [&](int64_t step) {
        KvCache cache(shape, 1, tokens);
        return attend(ctx, cache, q, k, v, step);
      };
      const Tensor expected = in(ctx, attend(ctx, exact, q, k, v, tokens), DType::f32);
      const Tensor once = rounded(tokens), got = in(ctx, once, DType::f32);
      double error = 0, largest = 0;
      for (int64_t i = 0; i < got.numel(); ++i) {
        const double want = static_cast<double>(expected.data<float>()[i]);
        error = std::max(error, std::abs(static_cast<double>(got.data<float>()[i]) - want));
        largest = std::max(largest, std::abs(want));
      }
      CHECK(error > 0);
      CHECK(error < 0.02 * largest);
      CHECK(same_bits(rounded(1), once));
      CHECK(same_bits(rounded(301), once));
    }
  }
}

TEST_CASE("a cache in int8 takes a byte for each element and four for each head") {
  const KvShape shape = {.layers = 3, .kv_heads = 2, .head_dim = 64, .dtype = DType::i8};
  CHECK(KvCache::bytes(shape, 5, 100) == uint64_t{3} * 2 * 2 * (64 + 4) * 500);
  KvCache cache(shape, 1, 10);
  Context ctx;
  const Tensor wrong = Tensor::empty(DType::f16, {1, 2, 64});
  const std::vector<Segment> segments = {cache.segment(0, 0, 1)};
  CHECK_THROWS_WITH_AS(cache.put(ctx, 0, {segments}, wrong, wrong),
                       "KvCache: float16 [1, 2, 64] does not belong in int8 [10, 2, 68]", Error);
}
