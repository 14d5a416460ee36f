// SPDX-License-Identifier: Apache-2.0
// KvCache: sequences of different length join, grow, are cut and copied independently.
#include "../../engine/kv_cache.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "../../engine/ops.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

const KvShape kShape = {.layers = 2, .kv_heads = 3, .head_dim = 4};

/// Rows of one slot of a layer's tensor: [length, kv_heads, head_dim].
Tensor rows(const Tensor& all, const KvCache& cache, int64_t slot) {
  const int64_t first = slot * cache.capacity();
  return all.slice(0, first, first + cache.length(slot)).clone();
}

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE(
    "tokens of several sequences go to their places, also from strided views, and others stay") {
  std::mt19937 rng(3);
  Context ctx;
  KvCache cache(kShape, 3, 8);
  const Tensor first = random(rng, {7, 2 * 3 * 4});
  const std::vector<Segment> a = {cache.segment(2, 0, 5), cache.segment(0, 5, 2)};
  for (int64_t layer = 0; layer < 2; ++layer) {
    cache.put(ctx, layer, {a}, split_heads(first, 0, 2, 3), split_heads(first, 1, 2, 3));
  }
  cache.advance(2, 5);
  cache.advance(0, 2);
  const Tensor second = random(rng, {4, 2 * 3 * 4});
  const std::vector<Segment> b = {cache.segment(0, 0, 3), cache.segment(1, 3, 1)};
  const auto [keys, values, sequences] =
      cache.put(ctx, 1, {b}, split_heads(second, 0, 2, 3), split_heads(second, 1, 2, 3));
  cache.advance(0, 3);
  cache.advance(1, 1);
  CHECK((b[0].position() == 2 && b[0].keys() == 5 && b[1].position() == 0));
  CHECK(same_bits(rows(values, cache, 2), split_heads(first, 1, 2, 3).slice(0, 0, 5).clone()));
  CHECK(same_bits(rows(keys, cache, 0).slice(0, 0, 2).clone(),
                  split_heads(first, 0, 2, 3).slice(0, 5, 7).clone()));
  CHECK(same_bits(rows(keys, cache, 0).slice(0, 2, 5).clone(),
                  split_heads(second, 0, 2, 3).slice(0, 0, 3).clone()));
  CHECK(same_bits(rows(values, cache, 1), split_heads(second, 1, 2, 3).slice(0, 3, 4).clone()));
}

TEST_CASE("slots are copied as they were before the selection, and cut") {
  std::mt19937 rng(4);
  Context ctx;
  KvCache cache(kShape, 3, 8);
  const Tensor kv = random(rng, {9, 2 * 3 * 4});
  const std::vector<Segment> a = {cache.segment(0, 0, 2), cache.segment(1, 2, 3),
                                  cache.segment(2, 5, 4)};
  const auto [keys, values, sequences] =
      cache.put(ctx, 0, {a}, split_heads(kv, 0, 2, 3), split_heads(kv, 1, 2, 3));
  for (int64_t slot = 0; slot < 3; ++slot) cache.advance(slot, 2 + slot);
  const std::vector<Tensor> before = {rows(keys, cache, 0), rows(keys, cache, 1),
                                      rows(keys, cache, 2)};
  cache.select(std::vector<int64_t>{1, 0, 1});
  CHECK(same_bits(rows(keys, cache, 0), before[1]));
  CHECK(same_bits(rows(keys, cache, 1), before[0]));
  CHECK(same_bits(rows(keys, cache, 2), before[1]));
  cache.crop(2, 1);
  CHECK(cache.length(2) == 1);
  cache.crop(2, 7);
  CHECK(cache.length(2) == 1);
  CHECK(cache.segment(2, 0, 7).position() == 1);
}

TEST_CASE("a cache says its size before it is made, and refuses what does not fit") {
  CHECK(KvCache::bytes(kShape, 3, 8) == 2 * 2 * 3 * 4 * 3 * 8 * 4);
  CHECK(KvCache::bytes({1 << 20, 1 << 20, 1 << 20, DType::bf16}, 1 << 20, 1 << 20) == UINT64_MAX);
  Context ctx;
  KvCache cache(kShape, 1, 8);
  cache.advance(0, 6);
  CHECK(message_of([&] { cache.segment(0, 0, 3); }) ==
        "KvCache: 3 more tokens after 6 in a sequence with room for 8");
  CHECK(message_of([] { KvCache(kShape, 0, 8); }).find("expected at least one of each") !=
        std::string::npos);
  CHECK(message_of([] {
          KvCache({1024, 1024, 256, DType::f32}, 1024, 1 << 24);
        }).find("shorten max_length") != std::string::npos);
}

TEST_CASE("a cache that gets more room keeps what it has") {
  std::mt19937 rng(5);
  Context ctx;
  KvCache cache(kShape, 2, 4);
  const Tensor x = random(rng, {5, 2 * 3 * 4});
  const std::vector<Segment> segments = {cache.segment(0, 0, 4), cache.segment(1, 4, 1)};
  for (int64_t layer = 0; layer < 2; ++layer)
    cache.put(ctx, layer, {segments}, split_heads(x, 0, 2, 3), split_heads(x, 1, 2, 3));
  cache.advance(0, 4);
  cache.advance(1, 1);
  cache.reserve(3);
  CHECK(cache.capacity() == 4);
  cache.reserve(9);
  CHECK(cache.capacity() == 9);
  const std::vector<Segment> more = {cache.segment(0, 0, 5)};
  const auto [keys, values, sequences] =
      cache.put(ctx, 1, {more}, split_heads(x, 0, 2, 3), split_heads(x, 1, 2, 3));
  CHECK(same_bits(rows(keys, cache, 0), split_heads(x, 0, 2, 3).slice(0, 0, 4).clone()));
  CHECK(same_bits(rows(values, cache, 1), split_heads(x, 1, 2, 3).slice(0, 4, 5).clone()));
  CHECK(message_of([&] { cache.reserve(int64_t{1} << 60); }).find("shorten max_length") !=
        std::string::npos);
  CHECK(cache.capacity() == 9);
}
