// SPDX-License-Identifier: Apache-2.0
// argmax and top-k: every variant against a full sort, with ties, NaN, infinities, both zeros.

#include "../../kernels/topk/topk.h"

#include <initializer_list>
#include <numeric>

#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

/// Before in the result: larger, NaN largest; of equals the lower index.
std::vector<int64_t> sorted_indices(const std::vector<float>& x) {
  std::vector<int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const float u = x[static_cast<size_t>(a)], v = x[static_cast<size_t>(b)];
    return std::isnan(u) ? !std::isnan(v) : u > v;
  });
  return order;
}

/// Few or many different values, ascending or not, with what is special.
std::vector<float> hard_values(Random& random, int64_t n) {
  std::vector<float> x = random_values(random, n, Format::f32);
  const int64_t kind = random.below(6);
  const float specials[] = {kNaN, kInfinity, -kInfinity, 0.0f, -0.0f, -kNaN};
  for (float& v : x) {
    if (kind == 0) v = static_cast<float>(random.below(3));
    if (kind == 1 && random.below(8) == 0) v = specials[random.below(6)];
    if (kind == 2) v = random.below(4) == 0 ? -0.0f : 0.0f;
    if (kind == 3) v = -kInfinity;
  }
  if (kind == 4) std::sort(x.begin(), x.end());
  return x;
}

void check(const TopkTable& table, const std::vector<float>& values, int64_t k, Random& random) {
  static Pen pen;
  const int64_t n = static_cast<int64_t>(values.size());
  Rows x(pen, random, Format::f32, 1, n);
  x.fill(values);
  const std::vector<int64_t> order = sorted_indices(values);
  REQUIRE(table.argmax(x.f32(), n) == (n > 0 ? order[0] : -1));
  GuardedBuffer<uint64_t> scratch(topk_scratch(n, k));
  std::vector<float> top(static_cast<size_t>(k));
  std::vector<int64_t> indices(top.size(), -7);
  topk(table, {x.f32(), n, k, top.data(), indices.data(), scratch.data()});
  REQUIRE(std::equal(indices.begin(), indices.end(), order.begin()));
  for (size_t i = 0; i < top.size(); ++i) {
    REQUIRE(same_bits(top[i], values[static_cast<size_t>(order[i])]));
  }
  REQUIRE((x.intact() && scratch.slack_intact()));
}

}  // namespace

TEST_CASE("argmax and top-k of random rows are those of a stable sort") {
  for_each_variant(topk_variants(), [](const TopkTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const int64_t n = random.below(8) == 0 ? random.below(2500) : random_length(random);
      const std::vector<float> x = hard_values(random, n);
      const int64_t most = random.below(4) == 0 ? n : std::min<int64_t>(n, 20);
      check(table, x, random.below(most + 1), random);
    }
  });
}

TEST_CASE("top-k of a vocabulary, scanned or sorted, is that of a stable sort") {
  for_each_variant(topk_variants(), [](const TopkTable& table) {
    Random random(8);
    for (int round = 0; round < 12; ++round) {
      const int64_t n = 32000;
      const std::vector<float> x = hard_values(random, n);
      const std::vector<int64_t> order = sorted_indices(x);
      CHECK(table.argmax(x.data(), n) == order[0]);
      for (int64_t k : {1, 2, 50, 1000, 7999, 8000, 32000}) {
        std::vector<int64_t> indices(static_cast<size_t>(k));
        std::vector<uint64_t> scratch(static_cast<size_t>(topk_scratch(n, k)));
        topk(table, {x.data(), n, k, nullptr, indices.data(), scratch.data()});
        CHECK(std::equal(indices.begin(), indices.end(), order.begin()));
      }
    }
  });
}

TEST_CASE("argmax takes the first of equals and the first NaN, and -1 of nothing") {
  for_each_variant(topk_variants(), [](const TopkTable& table) {
    for (int64_t n : {1, 7, 16, 40, 1024, 1025, 3000}) {
      for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
        std::vector<float> x(static_cast<size_t>(n), -1);
        x[static_cast<size_t>(at)] = x.back() = 3;
        CHECK(table.argmax(x.data(), n) == at);
        x[static_cast<size_t>(at)] = x.back() = kNaN;
        x[0] = at > 0 ? kInfinity : kNaN;
        CHECK(table.argmax(x.data(), n) == at);
      }
    }
    CHECK(table.argmax(nullptr, 0) == -1);
  });
}
