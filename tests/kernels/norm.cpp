// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm of rows: every variant against double precision over random shapes,
// formats, strides, ends of pages, residuals, aliases; extremes.

#include "../../kernels/norm/norm.h"

#include <initializer_list>

#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

/// What is normalised and how; all floats are exact in the format.
struct Problem {
  bool layer;  // or rms
  int64_t rows, cols;
  Format format;
  std::vector<float> x, residual;   // [rows, cols]; residual may be empty
  std::vector<float> weight, bias;  // [cols] or empty
  float eps;
  bool round_first;

  double w(int64_t j) const {
    return weight.empty() ? 1 : static_cast<double>(weight[static_cast<size_t>(j)]);
  }
  double b(int64_t j) const {
    return bias.empty() ? 0 : static_cast<double>(bias[static_cast<size_t>(j)]);
  }
};

Problem random_problem(Random& random, bool layer) {
  Problem p{};
  p.layer = layer;
  p.rows = random.below(4);
  p.cols = random_length(random);
  p.format = random.below(2) == 0 ? Format::f32 : Format::bf16;
  p.x = random_values(random, p.rows * p.cols, p.format);
  if (random.below(3) == 0) p.residual = random_values(random, p.rows * p.cols, p.format);
  if (random.below(4) != 0) p.weight = random_values(random, p.cols, Format::f32);
  if (random.below(2) == 0) p.bias = random_values(random, p.cols, Format::f32);
  p.eps = random.below(2) == 0 ? 1e-12f : 1e-5f;
  p.round_first = random.below(2) == 0;
  return p;
}

enum class Alias { none, y_is_x, sum_is_x, sum_is_residual, y_is_sum };

struct Result {
  std::vector<float> sum, y, y_bf16;
  bool intact;
};

struct Pens {
  Pen x, residual, sum, weight, bias, y, y_bf16;
};

/// Rows first … first + rows - 1 of the problem, in new places.
Result run(const NormTable& table, const Problem& p, Random& random, Alias alias, bool f32,
           bool bf16) {
  static Pens pens;
  const bool added = !p.residual.empty();
  Rows x(pens.x, random, p.format, p.rows, p.cols);
  Rows residual(pens.residual, random, p.format, added ? p.rows : 0, p.cols);
  Rows sum(pens.sum, random, p.format, added ? p.rows : 0, p.cols);
  Rows weight(pens.weight, random, Format::f32, p.weight.empty() ? 0 : 1, p.cols);
  Rows bias(pens.bias, random, Format::f32, p.bias.empty() ? 0 : 1, p.cols);
  Rows y(pens.y, random, Format::f32, f32 ? p.rows : 0, p.cols);
  Rows y_bf16(pens.y_bf16, random, Format::bf16, bf16 ? p.rows : 0, p.cols);
  x.fill(p.x);
  if (added) residual.fill(p.residual);
  if (!p.weight.empty()) weight.fill(p.weight);
  if (!p.bias.empty()) bias.fill(p.bias);

  const Rows& sums = alias == Alias::sum_is_x          ? x
                     : alias == Alias::sum_is_residual ? residual
                                                       : sum;
  const Rows& over = alias == Alias::y_is_x ? x : sums;  // what y lies on when it is aliased
  const bool on_top = alias == Alias::y_is_x || alias == Alias::y_is_sum;
  const bool wide = p.format == Format::f32;
  NormArgs a{p.rows,
             p.cols,
             p.format,
             x.data(),
             x.stride(),
             nullptr,
             0,
             nullptr,
             0,
             p.weight.empty() ? nullptr : weight.f32(),
             p.bias.empty() ? nullptr : bias.f32(),
             p.eps,
             p.round_first,
             nullptr,
             nullptr,
             0};
  if (added) {
    a.residual = residual.data();
    a.residual_stride = residual.stride();
    a.sum = sums.data();
    a.sum_stride = sums.stride();
  }
  // Both results have one stride: where both are wanted they are dense on their own.
  if (on_top) {
    a.y = wide ? over.f32() : nullptr;
    a.y_bf16 = wide ? nullptr : over.bf16();
    a.y_stride = over.stride();
  } else {
    a.y = f32 ? y.f32() : nullptr;
    a.y_bf16 = bf16 ? y_bf16.bf16() : nullptr;
    a.y_stride = f32 ? y.stride() : y_bf16.stride();
  }
  if (f32 && bf16) a.y_stride = p.cols;
  p.layer ? table.layer_norm(a) : table.rms_norm(a);

  Result r{};
  if (added && alias != Alias::y_is_sum) r.sum = sums.values();
  if (on_top) {
    (wide ? r.y : r.y_bf16) = over.values();
  } else if (!(f32 && bf16)) {
    if (f32) r.y = y.values();
    if (bf16) r.y_bf16 = y_bf16.values();
  } else {
    for (int64_t i = 0; i < p.rows * p.cols; ++i) {
      r.y.push_back(a.y[i]);
      r.y_bf16.push_back(float_from_bf16(a.y_bf16[i]));
    }
  }
  const bool gaps = (f32 && bf16) || (y.intact() && y_bf16.intact());
  r.intact = x.intact() && residual.intact() && sum.intact() && pens.y.intact() &&
             pens.y_bf16.intact() && gaps &&
             (on_top || alias == Alias::sum_is_x || x.values() == p.x);
  return r;
}

double bf16_rounded(double v) {
  return static_cast<double>(float_from_bf16(bf16_from_float(static_cast<float>(v))));
}

/// The largest error of one row in units of its tolerance; s is what is normalised.
double worst_error(const Problem& p, const float* s, const float* y) {
  const double n = static_cast<double>(p.cols), unit = 0x1p-24;
  double sum = 0, magnitude = 0, squares = 0;
  for (int64_t j = 0; j < p.cols; ++j) {
    sum += static_cast<double>(s[j]);
    magnitude += std::fabs(static_cast<double>(s[j]));
  }
  const double mean = p.layer ? sum / n : 0;
  for (int64_t j = 0; j < p.cols; ++j) {
    squares += (static_cast<double>(s[j]) - mean) * (static_cast<double>(s[j]) - mean);
  }
  const double deviation = std::sqrt(squares / n + static_cast<double>(p.eps));
  // Per lane at most cols / 8 + 8 additions, then the tree. The mean is off by mean_error; the
  // deviation by that in second order and by its own sum; the rest are single roundings, and what a
  // square of a denormal loses.
  const int64_t chain = p.cols / 8 + 8;
  const double mean_error = p.layer ? sum_tolerance(chain, magnitude) / n : 0;
  const double relative = static_cast<double>(chain + 8) * unit +
                          (mean_error * mean_error + 0x1p-149) / (deviation * deviation);
  double worst = 0;
  for (int64_t j = 0; j < p.cols; ++j) {
    const double v = (static_cast<double>(s[j]) - mean) / deviation;
    const double v_error = std::fabs(v) * relative + mean_error / deviation + 0x1p-149;
    double low = v - v_error, high = v + v_error;
    if (!p.layer && p.round_first && p.format == Format::bf16) {
      low = bf16_rounded(low);
      high = bf16_rounded(high);
    }
    const double a = low * p.w(j) + p.b(j), b = high * p.w(j) + p.b(j);
    const double middle = (a + b) / 2;
    const double tolerance =
        std::fabs(a - b) / 2 + (std::fabs(middle) + std::fabs(v * p.w(j))) * unit + 0x1p-149;
    worst = std::max(worst, std::fabs(static_cast<double>(y[j]) - middle) / tolerance);
  }
  return worst;
}

std::vector<float> added(const Problem& p) {
  std::vector<float> s = p.x;
  for (size_t i = 0; i < p.residual.size(); ++i) {
    s[i] += p.residual[i];
    if (p.format == Format::bf16) s[i] = float_from_bf16(bf16_from_float(s[i]));
  }
  return s;
}

Problem row_of(const Problem& p, int64_t i) {
  Problem one = p;
  const auto cut = [&](std::vector<float>& v) {
    if (!v.empty()) v = {v.begin() + i * p.cols, v.begin() + (i + 1) * p.cols};
  };
  one.rows = 1;
  cut(one.x);
  cut(one.residual);
  return one;
}

std::vector<float> narrowed(std::vector<float> v) {
  for (float& f : v) f = float_from_bf16(bf16_from_float(f));
  return v;
}

/// Everything that must hold of one problem.
void check(const NormTable& table, const Problem& p, Random& random) {
  const Result wide = run(table, p, random, Alias::none, true, false);
  REQUIRE(wide.intact);
  const std::vector<float> s = added(p);
  if (!p.residual.empty()) REQUIRE(same_values(wide.sum, s));
  for (int64_t i = 0; i < p.rows; ++i) {
    REQUIRE(worst_error(p, s.data() + i * p.cols, wide.y.data() + i * p.cols) <= 1);
  }
  const bool both = random.below(2) == 0;
  const Result narrow = run(table, p, random, Alias::none, both, true);
  REQUIRE(narrow.intact);
  REQUIRE(same_values(narrow.y_bf16, narrowed(wide.y)));
  if (both) REQUIRE(same_values(narrow.y, wide.y));

  std::vector<Alias> aliases = {Alias::y_is_x};
  if (!p.residual.empty())
    aliases = {Alias::sum_is_x, Alias::sum_is_residual, Alias::y_is_sum, Alias::y_is_x};
  const Alias alias =
      aliases[static_cast<size_t>(random.below(static_cast<int64_t>(aliases.size())))];
  const Result over = run(table, p, random, alias, true, false);
  REQUIRE(over.intact);
  const bool on_top = alias == Alias::y_is_x || alias == Alias::y_is_sum;
  if (on_top && p.format == Format::bf16) {
    REQUIRE(same_values(over.y_bf16, narrowed(wide.y)));
  } else {
    REQUIRE(same_values(over.y, wide.y));
  }
  if (p.rows < 2) return;
  const int64_t i = random.below(p.rows);
  const Result alone = run(table, row_of(p, i), random, Alias::none, true, false);
  REQUIRE(std::equal(alone.y.begin(), alone.y.end(), wide.y.begin() + i * p.cols, same_bits));
}

}  // namespace

TEST_CASE(
    "norms of random rows are within their rounding bound, alone, among others and in place") {
  for (bool layer : {true, false}) {
    CAPTURE(layer);
    for_each_variant(norm_variants(), [layer](const NormTable& table) {
      for (int seed = 0; seed < kRandomCases; ++seed) {
        CAPTURE(seed);
        Random random(static_cast<uint64_t>(seed) * 2 + (layer ? 1 : 0));
        check(table, random_problem(random, layer), random);
      }
    });
  }
}

TEST_CASE("layer_norm keeps its bound when the mean is a thousand times the deviation") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(5);
    for (int64_t cols : {7, 64, 384, 1000}) {
      CAPTURE(cols);
      Problem p{true, 2, cols, Format::f32, {}, {}, {}, {}, 1e-12f, false};
      for (int64_t i = 0; i < 2 * cols; ++i) {
        p.x.push_back(static_cast<float>(1000 + random.uniform(-1, 1)));
      }
      check(table, p, random);
    }
  });
}

TEST_CASE("a NaN in a row makes its norm NaN, and the next row is unharmed") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(9);
    for (int round = 0; round < 500; ++round) {
      const int64_t cols = 1 + random_length(random), at = random.below(cols);
      Problem p{round % 2 == 0, 2, cols, Format::f32, {}, {}, {}, {}, 1e-5f, false};
      p.x = random_values(random, 2 * cols, Format::f32);
      p.x[static_cast<size_t>(at)] = kNaN;
      const Result r = run(table, p, random, Alias::none, true, false);
      for (int64_t j = 0; j < 2 * cols; ++j) {
        REQUIRE(std::isnan(r.y[static_cast<size_t>(j)]) == (j < cols));
      }
    }
  });
}

TEST_CASE("an infinity makes layer_norm NaN, rms_norm NaN where it stands and 0 elsewhere") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(10);
    for (int round = 0; round < 500; ++round) {
      const int64_t cols = 1 + random_length(random), at = random.below(cols);
      Problem p{round % 2 == 0, 1, cols, Format::f32, {}, {}, {}, {}, 1e-5f, false};
      p.x = random_values(random, cols, Format::f32);
      p.x[static_cast<size_t>(at)] = round % 4 < 2 ? kInfinity : -kInfinity;
      const Result r = run(table, p, random, Alias::none, true, false);
      for (int64_t j = 0; j < cols; ++j) {
        const float y = r.y[static_cast<size_t>(j)];
        REQUIRE((p.layer || j == at ? std::isnan(y) : y == 0));
      }
    }
  });
}

TEST_CASE("layer_norm of a constant row is the bias") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(11);
    for (int64_t cols : {1, 8, 384}) {
      Problem p{true, 1, cols, Format::f32, {}, {}, {}, {}, 1e-12f, false};
      p.x.assign(static_cast<size_t>(cols), 0.5f);
      p.bias.assign(static_cast<size_t>(cols), -1.25f);
      const Result r = run(table, p, random, Alias::none, true, false);
      REQUIRE(same_values(r.y, p.bias));
    }
  });
}

TEST_CASE("rms_norm rounds to bf16 before the weight where asked, and differs where that tells") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    Random random(12);
    Problem p{false, 1, 64, Format::bf16, {}, {}, {}, {}, 1e-6f, true};
    p.x = random_values(random, 64, Format::bf16);
    p.weight.assign(64, 1.0f);
    const Result first = run(table, p, random, Alias::none, true, false);
    REQUIRE(same_values(first.y, narrowed(first.y)));
    p.round_first = false;
    const Result once = run(table, p, random, Alias::none, true, false);
    REQUIRE_FALSE(same_values(once.y, first.y));
    REQUIRE(same_values(narrowed(once.y), first.y));
  });
}
