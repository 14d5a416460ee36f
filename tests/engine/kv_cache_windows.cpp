// SPDX-License-Identifier: Apache-2.0
// A KvCache whose layers keep a window of each sequence against one that keeps all: the same bits
// of attention after any steps, cuts and selections.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "../../engine/kv_cache.h"
#include "../../engine/ops.h"
#include "../allocations.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

const KvShape kShape = {.layers = 3, .kv_heads = 2, .head_dim = 8, .windows = {5, 0, 700}};
constexpr int64_t kSlots = 3, kHeads = 4;

KvShape without_windows(KvShape shape) {
  shape.windows.clear();
  return shape;
}

int64_t pick(std::mt19937& rng, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(rng);
}

/// Both caches, and how they were used.
struct Pair {
  KvShape shape;
  KvCache windows, whole;
  Context ctx;
  int anew = 0, cut = 0;
  int64_t longest = 0;

  explicit Pair(DType dtype)
      : shape{kShape.layers, kShape.kv_heads, kShape.head_dim, dtype, kShape.windows},
        windows(shape, kSlots, 900),
        whole(without_windows(shape), kSlots, 900) {}

  bool attends_alike(int64_t layer, const std::vector<Segment>& a, const std::vector<Segment>& b,
                     const Tensor& q, const Tensor& k, const Tensor& v) {
    const KvCache::Layer few = windows.put(ctx, layer, {a}, k, v);
    const KvCache::Layer all = whole.put(ctx, layer, {b}, k, v);
    AttentionOptions options = {.causal = true,
                                .window = shape.windows[static_cast<size_t>(layer)]};
    options.segments.sequences = few.sequences;
    const Tensor got = attention(ctx, q, few.keys, few.values, options);
    options.segments.sequences = all.sequences;
    return same_bits(got, attention(ctx, q, all.keys, all.values, options));
  }

  /// `counts[slot]` new tokens of each slot, 0: it does not take part.
  void step(std::mt19937& rng, const std::vector<int64_t>& counts) {
    std::vector<Segment> a, b;
    int64_t tokens = 0;
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      const int64_t count = counts[static_cast<size_t>(slot)];
      if (count == 0) continue;
      a.push_back(windows.segment(slot, tokens, count));
      b.push_back(whole.segment(slot, tokens, count));
      tokens += count;
    }
    for (int64_t layer = 0; layer < shape.layers; ++layer) {
      const Tensor q = random(rng, {tokens, kHeads, shape.head_dim});
      const Tensor kv = in(ctx, random(rng, {tokens, 2 * shape.kv_heads * shape.head_dim}),
                           shape.dtype == DType::bf16 ? DType::bf16 : DType::f32);
      CAPTURE(layer);
      CHECK(attends_alike(layer, a, b, q, split_heads(kv, 0, 2, 2), split_heads(kv, 1, 2, 2)));
    }
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      windows.advance(slot, counts[static_cast<size_t>(slot)]);
      whole.advance(slot, counts[static_cast<size_t>(slot)]);
      longest = std::max(longest, windows.length(slot));
    }
  }

  void crop(int64_t slot, int64_t length) {
    windows.crop(slot, length);
    CHECK((windows.length(slot) == length || windows.length(slot) == 0));
    ++(windows.length(slot) == length ? cut : anew);
    whole.crop(slot, windows.length(slot));
  }
};

}  // namespace

TEST_CASE("layers that keep a window attend with the bits of those that keep all") {
  for (const DType dtype : {DType::f32, DType::bf16, DType::i8}) {
    CAPTURE(static_cast<int>(dtype));
    std::mt19937 rng(11);
    Pair pair(dtype);
    for (int round = 0; round < 700; ++round) {
      CAPTURE(round);
      if (round == 300) {
        pair.windows.reserve(4000);
        pair.whole.reserve(4000);
      }
      std::vector<int64_t> counts;
      for (int64_t slot = 0; slot < kSlots; ++slot) {
        const int64_t kind = pick(rng, 0, 40);
        const int64_t most = kind == 0 ? 800 : kind < 5 ? 90 : 12;
        if (pair.windows.length(slot) + most > pair.windows.capacity()) pair.crop(slot, 0);
        counts.push_back(pick(rng, slot == 0 ? 1 : 0, most));
      }
      pair.step(rng, counts);
      const int64_t slot = pick(rng, 0, kSlots - 1), length = pair.windows.length(slot);
      switch (pick(rng, 0, 20)) {
        case 0:
          pair.crop(slot, pick(rng, 0, length));
          break;
        case 1:
        case 2:
          pair.crop(slot, std::max<int64_t>(0, length - pick(rng, 0, 80)));
          break;
        case 3: {
          const std::vector<int64_t> sources = {pick(rng, 0, 2), pick(rng, 0, 2), pick(rng, 0, 2)};
          pair.windows.select(sources);
          pair.whole.select(sources);
          break;
        }
        default:
          break;
      }
    }
    // What the test is about has happened.
    CHECK(pair.anew > 5);
    CHECK(pair.cut > 20);
    CHECK(pair.longest > 2000);
  }
}

TEST_CASE("guesses are cut from a window without loss, however many tokens came before") {
  std::mt19937 rng(12);
  Pair pair(DType::f32);
  pair.windows.reserve(3000);
  pair.whole.reserve(3000);
  pair.step(rng, {1300, 0, 0});
  for (int64_t length = 1300; length < 2500;
       length += 17) {  // as an assistant: one by one, then back
    for (int64_t i = 0; i < 60; ++i) pair.step(rng, {1, 0, 0});
    pair.crop(0, length + 17);
  }
  for (int64_t length = pair.windows.length(0); length < 2700; length += 2) {  // as who checks them
    pair.step(rng, {9, 0, 0});
    pair.crop(0, length + 2);
  }
  CHECK(pair.anew == 0);
}

TEST_CASE("a window's memory is stated before it is taken, and does not grow with the capacity") {
  const KvShape local = {.layers = 4, .kv_heads = 2, .head_dim = 16, .windows = {32, 32, 32, 0}};
  const uint64_t row = uint64_t{2} * 16 * 2 * 4;
  CHECK(KvCache::bytes(local, 1, 2000) == (3 * 256 + 2000) * row);
  CHECK(KvCache::bytes(local, 5, 100) == 5 * 4 * 100 * row);  // no more than the capacity
  CHECK(KvCache::bytes(local, 1, 1 << 20) - KvCache::bytes(local, 1, 1 << 19) == (row << 19));
  const size_t before = live_bytes();
  const KvCache cache(local, 2, 2000);
  const size_t taken = live_bytes() - before, stated = KvCache::bytes(local, 2, 2000);
  CHECK(taken >= stated);
  CHECK(taken < stated + 8192);
  CHECK_THROWS_AS(KvCache({.layers = 2, .kv_heads = 1, .head_dim = 1, .windows = {3}}, 1, 9),
                  Error);
}

TEST_CASE("a step that was broken off is noticed, and a cut mends it") {
  std::mt19937 rng(13);
  Context ctx;
  KvCache cache(kShape, 1, 2000);
  const Tensor x = random(rng, {900, 2 * 2 * 8});
  const auto put = [&](int64_t layer, int64_t count) {
    const std::vector<Segment> segments = {cache.segment(0, 0, count)};
    cache.put(ctx, layer, {segments}, split_heads(x, 0, 2, 2), split_heads(x, 1, 2, 2));
  };
  put(0, 10);
  cache.advance(0, 10);
  put(0, 900);  // and no more of this step
  CHECK_THROWS_WITH_AS(
      put(0, 1),
      "KvCache: layer 0 keeps tokens from 704 on, expected 0: crop() a sequence after a step that "
      "was broken off",
      Error);
  cache.crop(0, 10);
  CHECK(cache.length(0) == 0);
  put(0, 1);
}

TEST_CASE("attention refuses keys that are gone but seen") {
  std::mt19937 rng(14);
  Context ctx;
  const Tensor x = random(rng, {70, 1, 8});
  for (const auto& [skipped, window, right] : {std::tuple{64, 8, true},
                                               {64, 69, true},
                                               {64, 0, false},
                                               {63, 8, false},
                                               {-64, 8, false},
                                               {64, 70, true},
                                               {64, 71, false}}) {
    const std::vector<Segment> segments = {{0, 1, 0, 70, skipped}};
    const auto run = [&, w = window] {
      attention(ctx, x.slice(0, 0, 1), x, x, {.segments = {segments}, .causal = true, .window = w});
    };
    if (right) {
      CHECK_NOTHROW(run());
    } else {
      CHECK_THROWS_AS(run(), Error);
    }
  }
}
