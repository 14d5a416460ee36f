// SPDX-License-Identifier: Apache-2.0
// Row softmax: every variant against double precision; masks, infinities, aliasing.

#include "../../kernels/softmax/softmax.h"

#include <cfloat>
#include <initializer_list>

#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

/// f32 rows that lie where they are told.
void softmax_f32(const SoftmaxTable& table, const float* x, float* y, int64_t rows, int64_t cols) {
  table.softmax({rows, cols, Format::f32, x, cols, Format::f32, y, cols});
}

struct Problem {
  int64_t rows, cols;
  Format x_format;
  std::vector<float> x;
};

Problem random_problem(Random& random) {
  Problem p{};
  p.rows = random.below(4);
  p.cols = random_length(random);
  p.x_format = random.below(2) == 0 ? Format::f32 : Format::bf16;
  const double range = random.below(3) == 0 ? 60 : random.uniform(0, 6);
  for (int64_t i = 0; i < p.rows * p.cols; ++i) {
    const bool masked = random.below(32) == 0;
    const float v = masked ? -FLT_MAX : static_cast<float>(random.uniform(-range, range));
    p.x.push_back(p.x_format == Format::bf16 ? float_from_bf16(bf16_from_float(v)) : v);
  }
  return p;
}

struct Pens {
  Pen x, y;
};

std::vector<float> run(const SoftmaxTable& table, const Problem& p, Random& random, Format y_format,
                       bool in_place) {
  static Pens pens;
  Rows x(pens.x, random, p.x_format, p.rows, p.cols);
  Rows y(pens.y, random, y_format, in_place ? 0 : p.rows, p.cols);
  x.fill(p.x);
  const Rows& to = in_place ? x : y;
  table.softmax(
      {p.rows, p.cols, p.x_format, x.data(), x.stride(), y_format, to.data(), to.stride()});
  REQUIRE((x.intact() && y.intact()));
  if (!in_place) REQUIRE(same_values(x.values(), p.x));
  return to.values();
}

/// Largest error of one row in units of its tolerance.
double worst_error(const float* x, const float* y, int64_t cols) {
  const double max = cols > 0 ? static_cast<double>(*std::max_element(x, x + cols)) : 0;
  double sum = 0, worst = 0;
  for (int64_t j = 0; j < cols; ++j) sum += std::exp(static_cast<double>(x[j]) - max);
  for (int64_t j = 0; j < cols; ++j) {
    const double shifted = static_cast<double>(x[j]) - max, exact = std::exp(shifted) / sum;
    // x - max is rounded to half a unit of the difference; exp costs 2 units, its sum those and a
    // chain of cols / 8 + 8 additions, the reciprocal and the product one unit each.
    const double unit = 0x1p-24, chain = static_cast<double>(cols / 8 + 8);
    const double relative = (std::fabs(shifted) + 2 * 2 + chain + 4) * unit;
    const double tolerance = (exact > 0 ? exact * relative : 0) + 3 * 0x1p-149;
    worst = std::max(worst, std::fabs(static_cast<double>(y[j]) - exact) / tolerance);
  }
  return worst;
}

}  // namespace

TEST_CASE("softmax of random rows is within its rounding bound, alone, among others and in place") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const Problem p = random_problem(random);
      const std::vector<float> y = run(table, p, random, Format::f32, false);
      for (int64_t i = 0; i < p.rows; ++i) {
        REQUIRE(worst_error(p.x.data() + i * p.cols, y.data() + i * p.cols, p.cols) <= 1);
      }
      std::vector<float> narrow = y;
      for (float& v : narrow) v = float_from_bf16(bf16_from_float(v));
      if (table.isa != Isa::generic) {  // which divides by a sum in double
        REQUIRE(same_values(run(table, p, random, Format::bf16, false), narrow));
      }
      const std::vector<float> over = run(table, p, random, p.x_format, true);
      REQUIRE(same_values(over, p.x_format == Format::f32 ? y : narrow));
      if (p.rows < 2) continue;
      const int64_t i = random.below(p.rows) * p.cols;
      const Problem one{1, p.cols, p.x_format, {p.x.begin() + i, p.x.begin() + i + p.cols}};
      const std::vector<float> alone = run(table, one, random, Format::f32, false);
      REQUIRE(std::equal(alone.begin(), alone.end(), y.begin() + i, same_bits));
    }
  });
}

TEST_CASE("softmax of vocabularies keeps its bound") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    Random random(6);
    for (int64_t cols : {4099, 32000, 151936}) {
      GuardedBuffer<float> x(cols), y(cols);
      random.fill(x, -12, 12);
      softmax_f32(table, x.data(), y.data(), 1, cols);
      CHECK(worst_error(x.data(), y.data(), cols) <= 1);
      if (table.isa == Isa::generic) continue;  // which divides by a sum in double
      GuardedBuffer<uint16_t> narrow(cols);
      table.softmax({1, cols, Format::f32, x.data(), cols, Format::bf16, narrow.data(), cols});
      int64_t wrong = 0;
      for (int64_t j = 0; j < cols; ++j) wrong += narrow[j] != bf16_from_float(y[j]);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("softmax of a fully masked row is uniform, of a partly masked one zero at the mask") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    for (int64_t cols : {4, 19, 64}) {
      GuardedBuffer<float> x(2 * cols), y(2 * cols);
      for (float& v : x) v = -FLT_MAX;
      x[cols] = 1.0f;
      softmax_f32(table, x.data(), y.data(), 2, cols);
      for (int64_t j = 0; j < cols; ++j) {
        CHECK(ulps(1 / static_cast<double>(cols), y[j]) <= 1);
        CHECK(y[cols + j] == (j == 0 ? 1.0f : 0.0f));
      }
    }
  });
}

TEST_CASE("softmax gives NaN for a row of -inf, of +inf or with a NaN, and 0 for a single -inf") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    const float inf = float_from_bits(0x7f800000), nan = float_from_bits(0x7fc00000);
    for (int64_t cols : {1, 5, 16, 33, 70}) {
      for (int64_t at : {int64_t{0}, cols / 2, cols - 1}) {
        CAPTURE(cols);
        CAPTURE(at);
        GuardedBuffer<float> x(4 * cols), y(4 * cols);
        for (float& v : x) v = 0.5f;
        for (int64_t j = 0; j < cols; ++j) x[j] = -inf;
        x[cols + at] = inf;
        x[2 * cols + at] = nan;
        x[3 * cols + at] = -inf;
        softmax_f32(table, x.data(), y.data(), 4, cols);
        for (int64_t j = 0; j < cols; ++j) {
          CHECK(std::isnan(y[j]));
          CHECK((std::isnan(y[cols + j]) || y[cols + j] == 0.0f));
          CHECK(std::isnan(y[2 * cols + j]));
        }
        CHECK(std::isnan(y[cols + at]));
        if (cols > 1) CHECK(y[3 * cols + at] == 0.0f);
      }
    }
  });
}

TEST_CASE("softmax in place and alone gives the same bits, and no columns write nothing") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    for (int64_t cols : {1, 15, 16, 17, 100, 129}) {
      GuardedBuffer<float> x(3 * cols), y(3 * cols), alone(cols);
      Random random(7);
      random.fill(x, -4, 4);
      softmax_f32(table, x.data(), y.data(), 3, cols);
      softmax_f32(table, x.data() + cols, alone.data(), 1, cols);
      softmax_f32(table, x.data(), x.data(), 3, cols);
      for (int64_t j = 0; j < 3 * cols; ++j) CHECK(same_bits(x[j], y[j]));
      for (int64_t j = 0; j < cols; ++j) CHECK(same_bits(alone[j], y[cols + j]));
    }
    GuardedBuffer<float> empty(0);
    softmax_f32(table, empty.data(), empty.data(), 3, 0);
    CHECK(empty.slack_intact());
  });
}
