// SPDX-License-Identifier: Apache-2.0
// Group norm: moments of channels, their merger and the scaling, every variant against double
// precision; blocks computed apart give the bits of the whole.

#include <initializer_list>

#include "../../kernels/norm/norm.h"
#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Problem {
  int64_t rows, channels, groups;
  std::vector<float> x, weight, bias;  // weight and bias may be empty
  float eps;
};

struct Pens {
  Pen x, y, centre, scale, bias;
};

Problem random_problem(Random& random) {
  Problem p{};
  const int64_t wide = 1 + random.below(12);
  p.groups = 1 + random.below(random.below(2) == 0 ? 40 : 6);
  p.channels = wide * p.groups;
  p.rows = 1 + random.below(random.below(8) == 0 ? 80 : 20);
  while (p.rows * p.channels > 3000) p.rows = p.rows / 2 + 1, p.channels = p.groups;
  p.x = random_values(random, p.rows * p.channels, Format::f32);
  if (random.below(2) == 0) p.weight = random_values(random, p.channels, Format::f32);
  if (random.below(2) == 0) p.bias = random_values(random, p.channels, Format::f32);
  p.eps = 1e-5f;
  return p;
}

struct Affine {
  std::vector<float> centre, scale;
};

Affine affine_of(const NormTable& table, const Problem& p, const float* x, int64_t stride) {
  const int64_t blocks = (p.rows + kMomentRows - 1) / kMomentRows;
  std::vector<double> mean(static_cast<size_t>(blocks * p.channels)), squares(mean.size());
  for (int64_t b = blocks - 1; b >= 0; --b) {  // in any order
    table.channel_moments({std::min(kMomentRows, p.rows - b * kMomentRows), p.channels,
                           x + b * kMomentRows * stride, stride, mean.data() + b * p.channels,
                           squares.data() + b * p.channels});
  }
  Affine a;
  a.centre.resize(static_cast<size_t>(p.channels));
  a.scale.resize(a.centre.size());
  merge_moments({p.rows, p.channels, p.groups, mean.data(), squares.data(),
                 p.weight.empty() ? nullptr : p.weight.data(), p.eps, a.centre.data(),
                 a.scale.data()});
  return a;
}

/// y of the problem by one variant, checking what it touches; in place or not.
std::vector<float> run(const NormTable& table, const Problem& p, Random& random, bool in_place) {
  static Pens pens;
  Rows x(pens.x, random, Format::f32, p.rows, p.channels);
  Rows y(pens.y, random, Format::f32, in_place ? 0 : p.rows, p.channels);
  Rows centre(pens.centre, random, Format::f32, 1, p.channels);
  Rows scale(pens.scale, random, Format::f32, 1, p.channels);
  Rows bias(pens.bias, random, Format::f32, p.bias.empty() ? 0 : 1, p.channels);
  x.fill(p.x);
  const Affine affine = affine_of(table, p, x.f32(), x.stride());
  centre.fill(affine.centre);
  scale.fill(affine.scale);
  if (!p.bias.empty()) bias.fill(p.bias);
  const Rows& to = in_place ? x : y;
  const int64_t half = p.rows / 2;  // two calls, as two threads would
  for (const auto& [first, rows] : {std::pair(half, p.rows - half), std::pair(int64_t{0}, half)}) {
    table.scale_channels({rows, p.channels, x.f32() + first * x.stride(), x.stride(), centre.f32(),
                          scale.f32(), p.bias.empty() ? nullptr : bias.f32(),
                          to.f32() + first * to.stride(), to.stride()});
  }
  REQUIRE((x.intact() && y.intact()));
  if (!in_place) REQUIRE(same_values(x.values(), p.x));
  return to.values();
}

/// Largest error in units of the tolerance.
double worst_error(const Problem& p, const std::vector<float>& y) {
  const int64_t wide = p.channels / p.groups;
  const double unit = 0x1p-24, n = static_cast<double>(p.rows * wide);
  double worst = 0;
  for (int64_t g = 0; g < p.groups; ++g) {
    double sum = 0, apart = 0, squares = 0;
    const auto each = [&](auto f) {
      for (int64_t i = 0; i < p.rows; ++i) {
        for (int64_t c = g * wide; c < (g + 1) * wide; ++c) f(i * p.channels + c, c);
      }
    };
    const auto at = [&](int64_t k) { return static_cast<double>(p.x[static_cast<size_t>(k)]); };
    each([&](int64_t k, int64_t) { sum += at(k); });
    const double mean = sum / n;
    each([&](int64_t k, int64_t) {
      apart += std::fabs(at(k) - mean);
      squares += (at(k) - mean) * (at(k) - mean);
    });
    const double deviation = std::sqrt(squares / n + static_cast<double>(p.eps));
    // f32 sums of at most 16 differences (chains of 8), which add up to at most 2·apart; the rest
    // in double. The mean is rounded to f32 once.
    const double mean_error = sum_tolerance(8, 2 * apart) / n + std::fabs(mean) * unit + 0x1p-149;
    const double relative =
        20 * unit + (mean_error * mean_error + 0x1p-149) / (deviation * deviation);
    each([&](int64_t k, int64_t c) {
      const double w = p.weight.empty() ? 1 : static_cast<double>(p.weight[static_cast<size_t>(c)]);
      const double b = p.bias.empty() ? 0 : static_cast<double>(p.bias[static_cast<size_t>(c)]);
      const double v = (at(k) - mean) / deviation;
      const double tolerance = std::fabs(v * w) * relative + std::fabs(w) * mean_error / deviation +
                               std::fabs(v * w + b) * unit +
                               (std::fabs(at(k) - mean) + 1) * 0x1p-149;  // a denormal scale
      const double error = static_cast<double>(y[static_cast<size_t>(k)]) - v * w - b;
      worst = std::max(worst, std::fabs(error) / tolerance);
    });
  }
  return worst;
}

}  // namespace

TEST_CASE("group norm of random shapes is within its rounding bound, in place and in pieces") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed) + 77);
      const Problem p = random_problem(random);
      const std::vector<float> y = run(table, p, random, false);
      REQUIRE(worst_error(p, y) <= 1);
      if (seed % 4 == 0) REQUIRE(same_values(run(table, p, random, true), y));
    }
  });
}

TEST_CASE("group norm keeps its bound over thousands of rows and a mean far from zero") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    for (double centre : {0.0, 50.0}) {
      Random random(3);
      Problem p{3000, 24, 24, {}, {}, {}, 1e-5f};
      for (int64_t i = 0; i < p.rows * p.channels; ++i) {
        p.x.push_back(static_cast<float>(centre + random.uniform(-1, 1)));
      }
      for (int64_t groups : {24, 3, 1}) {
        p.groups = groups;
        const Affine a = affine_of(table, p, p.x.data(), p.channels);
        std::vector<float> y(p.x.size());
        table.scale_channels({p.rows, p.channels, p.x.data(), p.channels, a.centre.data(),
                              a.scale.data(), nullptr, y.data(), p.channels});
        CHECK(worst_error(p, y) <= 1);
      }
    }
  });
}

TEST_CASE("a NaN or an infinity stays within its group; no rows and no channels write nothing") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(4);
    for (float poison : {kNaN, kInfinity, -kInfinity}) {
      Problem p{37, 40, 8, {}, {}, {}, 1e-5f};
      p.x = random_values(random, p.rows * p.channels, Format::f32);
      p.x[36 * 40 + 12] = poison;  // group 2: channels 10 … 14
      const std::vector<float> y = run(table, p, random, false);
      for (size_t k = 0; k < y.size(); ++k) {
        REQUIRE(std::isnan(y[k]) == (k % 40 >= 10 && k % 40 < 15));
      }
    }
    table.scale_channels({0, 5, nullptr, 5, nullptr, nullptr, nullptr, nullptr, 5});
    table.scale_channels({5, 0, nullptr, 0, nullptr, nullptr, nullptr, nullptr, 0});
    table.channel_moments({5, 0, nullptr, 0, nullptr, nullptr});
  });
}
