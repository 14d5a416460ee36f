// SPDX-License-Identifier: Apache-2.0
// Rotary embedding: every variant has the bits of the formula in separate f32 roundings, over
// random shapes, layouts, formats, strides and ends of pages; the angles are those of double
// precision.

#include "../../kernels/rope/rope.h"

#include <initializer_list>

#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Problem {
  int64_t tokens, heads, head_dim, rotary_dim, positions;
  bool interleaved;
  Format format;
  std::vector<float> x;         // [tokens · heads, head_dim]
  std::vector<float> cos, sin;  // [positions, rotary_dim / 2]
  std::vector<int64_t> at;      // [tokens]; empty: 0, 1, 2, …
};

Problem random_problem(Random& random) {
  Problem p{};
  p.tokens = random.below(4);
  p.heads = random.below(4);
  p.head_dim = random.below(8) == 0 ? random.below(300) : random.below(90);
  p.rotary_dim = random.below(2) == 0 ? p.head_dim / 2 * 2 : random.below(p.head_dim + 1) / 2 * 2;
  p.positions = p.tokens + random.below(3);
  p.interleaved = random.below(2) == 0;
  p.format = random.below(2) == 0 ? Format::f32 : Format::bf16;
  p.x = random_values(random, p.tokens * p.heads * p.head_dim, p.format);
  for (float& v : p.x) {
    if (random.below(64) == 0) v = random.below(2) == 0 ? kNaN : kInfinity;
  }
  p.cos = random_values(random, p.positions * p.rotary_dim / 2, Format::f32);
  p.sin = random_values(random, p.positions * p.rotary_dim / 2, Format::f32);
  if (random.below(2) == 0) {
    for (int64_t t = 0; t < p.tokens; ++t) p.at.push_back(random.below(p.positions));
  }
  return p;
}

struct Pens {
  Pen x, y, cos, sin;
};

/// The result [tokens · heads, head_dim], checking what is touched.
std::vector<float> run(const RopeTable& table, const Problem& p, Random& random, bool in_place) {
  static Pens pens;
  const int64_t rows = p.tokens * p.heads, pairs = p.rotary_dim / 2;
  Rows x(pens.x, random, p.format, rows, p.head_dim);
  Rows y(pens.y, random, p.format, in_place ? 0 : rows, p.head_dim);
  unsigned char* cos = pens.cos.place(p.positions * pairs * 4, true, 0);
  unsigned char* sin = pens.sin.place(p.positions * pairs * 4, random.below(2) == 0, 0);
  if (!p.cos.empty()) memcpy(cos, p.cos.data(), p.cos.size() * 4);
  if (!p.sin.empty()) memcpy(sin, p.sin.data(), p.sin.size() * 4);
  x.fill(p.x);
  const Rows& to = in_place ? x : y;
  table.rotate({p.tokens, p.heads, p.head_dim, p.rotary_dim, p.interleaved, p.format, x.data(),
                p.heads * x.stride(), x.stride(), to.data(), p.heads * to.stride(), to.stride(),
                reinterpret_cast<const float*>(cos), reinterpret_cast<const float*>(sin),
                p.at.empty() ? nullptr : p.at.data()});
  REQUIRE((x.intact() && y.intact()));
  if (!in_place) REQUIRE(same_values(x.values(), p.x));
  return to.values();
}

float stored(Format format, float v) {
  return format == Format::f32 ? v : float_from_bf16(bf16_from_float(v));
}

std::vector<float> expected(const Problem& p) {
  std::vector<float> y = p.x;
  const int64_t pairs = p.rotary_dim / 2;
  for (int64_t row = 0; row < p.tokens * p.heads; ++row) {
    const int64_t t = row / p.heads, position = p.at.empty() ? t : p.at[static_cast<size_t>(t)];
    for (int64_t i = 0; i < pairs; ++i) {
      const size_t a = static_cast<size_t>(row * p.head_dim + (p.interleaved ? 2 * i : i));
      const size_t b = a + static_cast<size_t>(p.interleaved ? 1 : pairs);
      const size_t angle = static_cast<size_t>(position * pairs + i);
      // Each product is stored, so that no compiler contracts it with the sum.
      const volatile float ac = p.x[a] * p.cos[angle], bs = p.x[b] * p.sin[angle];
      const volatile float bc = p.x[b] * p.cos[angle], as = p.x[a] * p.sin[angle];
      y[a] = stored(p.format, ac - bs);
      y[b] = stored(p.format, bc + as);
    }
  }
  return y;
}

}  // namespace

TEST_CASE("rope of random shapes has the bits of its formula in every layout, in place too") {
  for_each_variant(rope_variants(), [](const RopeTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const Problem p = random_problem(random);
      const std::vector<float> wanted = expected(p);
      REQUIRE(same_values(run(table, p, random, false), wanted));
      REQUIRE(same_values(run(table, p, random, true), wanted));
    }
  });
}

TEST_CASE("rope turns a pair by its angle and keeps its length; position 0 changes nothing") {
  for_each_variant(rope_variants(), [](const RopeTable& table) {
    const int64_t pairs = 20, positions = 9;
    std::vector<float> inv_freq, cos(static_cast<size_t>(positions * pairs)), sin(cos.size());
    for (int64_t i = 0; i < pairs; ++i) {
      inv_freq.push_back(static_cast<float>(std::pow(10000.0, -static_cast<double>(i) / 20)));
    }
    rope_angles({0, positions, pairs, inv_freq.data(), 1, cos.data(), sin.data()});
    Random random(1);
    std::vector<float> x = random_values(random, positions * 2 * pairs, Format::f32), y = x;
    table.rotate({positions, 1, 2 * pairs, 2 * pairs, false, Format::f32, x.data(), 2 * pairs, 0,
                  y.data(), 2 * pairs, 0, cos.data(), sin.data(), nullptr});
    for (int64_t t = 0; t < positions; ++t) {
      for (int64_t i = 0; i < pairs; ++i) {
        const size_t a = static_cast<size_t>(t * 2 * pairs + i), b = a + static_cast<size_t>(pairs);
        const double angle =
            static_cast<double>(t) * static_cast<double>(inv_freq[static_cast<size_t>(i)]);
        const double xa = static_cast<double>(x[a]), xb = static_cast<double>(x[b]);
        const double tolerance = 8 * 0x1p-24 * (std::fabs(xa) + std::fabs(xb));
        CHECK(std::fabs(static_cast<double>(y[a]) -
                        (xa * std::cos(angle) - xb * std::sin(angle))) <= tolerance);
        CHECK(std::fabs(static_cast<double>(y[b]) -
                        (xb * std::cos(angle) + xa * std::sin(angle))) <= tolerance);
        if (t == 0) CHECK((same_bits(x[a], y[a]) && same_bits(x[b], y[b])));
      }
    }
  });
}

TEST_CASE("angles begin at any position and carry the attention factor") {
  const float inv_freq[] = {1.0f, 0.1f, 0.003f};
  float cos[6], sin[6], later_cos[3], later_sin[3];
  rope_angles({100, 2, 3, inv_freq, 1, cos, sin});
  rope_angles({101, 1, 3, inv_freq, 1.5f, later_cos, later_sin});
  for (int i = 0; i < 3; ++i) {
    CHECK(ulps(std::cos(static_cast<double>(100 * inv_freq[i])), cos[i]) <= 0.5);
    CHECK(ulps(std::sin(static_cast<double>(100 * inv_freq[i])), sin[i]) <= 0.5);
    CHECK(later_cos[i] == cos[3 + i] * 1.5f);
    CHECK(later_sin[i] == sin[3 + i] * 1.5f);
  }
}
