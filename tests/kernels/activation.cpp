// SPDX-License-Identifier: Apache-2.0
// Activations: every variant against double precision over every 101st float of the whole line.
// Setting TERN_TEST_EXHAUSTIVE takes every float (some minutes per variant).

#include "../../kernels/activation/activation.h"

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "act_exact.h"
#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Bound {
  Act act;
  const char* name;
  double ulps;   // units of the last place of the exact result (AVX2: see bound_of), or
  double floor;  // floor · |x| below -4, whichever is larger
};

/// What simd/avx2.inc and simd/avx512.inc promise. A denormal gate is rounded once or twice
/// (exponential, quotient) by half of 2^-149 each, and x multiplies that: hence the
/// floor of the exponential forms.
constexpr double kDenormal = 2 * 0x1p-149;
constexpr Bound kBounds[] = {
    {Act::none, "none", 0, 0},
    {Act::gelu, "gelu", 3, 2e-11},
    {Act::gelu_tanh, "gelu_tanh", 4, 2e-11},
    {Act::quick_gelu, "quick_gelu", 4, kDenormal},
    {Act::relu, "relu", 0, 0},
    {Act::tanh, "tanh", 3, 0},
    {Act::silu, "silu", 4, kDenormal},
    {Act::sigmoid, "sigmoid", 3, 0},
};

/// The largest share of what is allowed, and where.
struct Worst {
  double share = 0, ulps = 0;
  float at = 0;
};

void measure(const Bound& bound, float x, double wanted, float found, Worst& worst) {
  const double unit = float_unit(wanted);
  // Most errors are smaller than one seen before; this comparison fails where one is not a number.
  if (std::fabs(static_cast<double>(found) - wanted) <= worst.share * bound.ulps * unit) return;
  const double error = ulps(wanted, found);
  const double floor = x < -4 ? bound.floor * std::fabs(static_cast<double>(x)) : 0;
  const double allowed = std::max(bound.ulps, floor / unit);
  const double share = error == 0 ? 0 : error / allowed;  // x / 0 is infinite: over any bound
  if (share <= worst.share) return;
  worst = {share, error, x};
}

/// AVX2 has no tables that end: its GELUs keep their relative accuracy down to denormal gates.
Bound bound_of(Bound bound, const ActivationTable& table) {
  const bool by_exp = table.isa == Isa::avx2;
  if (bound.act == Act::gelu && by_exp) return {bound.act, bound.name, 5.5, kDenormal};
  if (bound.act == Act::gelu_tanh && by_exp) return {bound.act, bound.name, 4, kDenormal};
  return bound;
}

/// A variant on its way over the float line.
struct Line {
  const ActivationTable* table;
  Bound bound;
  Worst worst;
};

/// Every step-th finite float through all variants.
void over_float_line(Act act, uint64_t step, std::vector<Line>& lines) {
  constexpr int64_t kBatch = 4096;
  GuardedBuffer<float> x(kBatch), y(kBatch);
  std::vector<double> wanted(kBatch);
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32);) {
    int64_t n = 0;
    for (; n < kBatch && bits < (uint64_t{1} << 32); bits += step) {
      const float v = float_from_bits(static_cast<uint32_t>(bits));
      if (std::isfinite(v)) x[n++] = v;
    }
    for (int64_t i = 0; i < n; ++i) {
      wanted[static_cast<size_t>(i)] = act_exact(act, static_cast<double>(x[i]));
    }
    for (Line& line : lines) {
      line.table->f32(act, x.data(), y.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        measure(line.bound, x[i], wanted[static_cast<size_t>(i)], y[i], line.worst);
      }
    }
  }
}

}  // namespace

TEST_CASE("every activation keeps its stated bound against double precision over the float line") {
  const bool every = std::getenv("TERN_TEST_EXHAUSTIVE") != nullptr;
  for (const Bound& bound : kBounds) {
    const std::string function = bound.name;
    CAPTURE(function);
    std::vector<Line> lines;
    for (const ActivationTable* table : activation_variants()) {
      if (!runs_at(*table, hardware_isa()) || (every && table->isa == Isa::generic)) continue;
      lines.push_back({table, bound_of(bound, *table), {}});
    }
    over_float_line(bound.act, every ? 1 : 101, lines);
    for (const Line& line : lines) {
      const std::string variant = line.table->name;
      CAPTURE(variant);
      CAPTURE(line.worst.at);
      CAPTURE(line.worst.ulps);
      if (every) MESSAGE("worst of all floats");  // shows what is captured
      CHECK(line.worst.share <= 1);
    }
  }
}

TEST_CASE("activations of infinities, NaN and zeros are those of torch") {
  const float inf = float_from_bits(0x7f800000), nan = float_from_bits(0x7fc00000);
  struct Special {
    Act act;
    float at_plus_inf, at_minus_inf, at_zero;
  };
  const Special specials[] = {
      {Act::none, inf, -inf, 0},      {Act::gelu, inf, nan, 0},   {Act::gelu_tanh, inf, nan, 0},
      {Act::quick_gelu, inf, nan, 0}, {Act::relu, inf, 0, 0},     {Act::tanh, 1, -1, 0},
      {Act::silu, inf, nan, 0},       {Act::sigmoid, 1, 0, 0.5f},
  };
  for_each_variant(activation_variants(), [&](const ActivationTable& table) {
    for (const Special& s : specials) {
      CAPTURE(static_cast<int>(s.act));
      for (int64_t n : {1, 8, 19}) {
        GuardedBuffer<float> x(n), y(n);
        const float inputs[] = {inf, -inf, 0, nan};
        const float wanted[] = {s.at_plus_inf, s.at_minus_inf, s.at_zero, nan};
        for (int which = 0; which < 4; ++which) {
          for (float& v : x) v = inputs[which];
          table.f32(s.act, x.data(), y.data(), n);
          for (float v : y)
            CHECK((v == wanted[which] || (std::isnan(v) && std::isnan(wanted[which]))));
        }
      }
    }
  });
}

TEST_CASE("activations write n elements, in place too, with the same bits at every position") {
  for_each_variant(activation_variants(), [](const ActivationTable& table) {
    for (const Bound& bound : kBounds) {
      const std::string function = bound.name;
      CAPTURE(function);
      for (int64_t n = 0; n <= 130; ++n) {
        CAPTURE(n);
        const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
        GuardedBuffer<float> x(n, edge), y(n, edge), in_place(n, edge, n % 7);
        GuardedBuffer<uint16_t> narrow(n, edge);
        Random random(static_cast<uint64_t>(n));
        random.fill(x, -6, 6);
        for (int64_t i = 0; i < n; ++i) in_place[i] = x[i];
        x.make_read_only();
        table.f32(bound.act, x.data(), y.data(), n);
        table.f32(bound.act, in_place.data(), in_place.data(), n);
        table.f32_to_bf16(bound.act, x.data(), narrow.data(), n);
        CHECK((y.slack_intact() && in_place.slack_intact() && narrow.slack_intact()));
        for (int64_t i = 0; i < n; ++i) {
          float alone = 0;
          table.f32(bound.act, x.data() + i, &alone, 1);
          CHECK(same_bits(alone, y[i]));
          CHECK(same_bits(in_place[i], y[i]));
          CHECK(std::fabs(float_from_bf16(narrow[i]) - y[i]) <= std::fabs(y[i]) * 0x1p-8f);
        }
      }
    }
  });
}

TEST_CASE(
    "activations of random lengths keep their bound, and bf16 ones are the f32 ones rounded") {
  static struct { Pen x, y, narrow_x, narrow_y; } pens;
  for_each_variant(activation_variants(), [](const ActivationTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const Bound bound = bound_of(kBounds[random.below(8)], table);
      const int64_t n = random_length(random);
      std::vector<float> values = random_values(random, n, Format::bf16);
      Rows x(pens.x, random, Format::f32, 1, n), y(pens.y, random, Format::f32, 1, n);
      Rows narrow_x(pens.narrow_x, random, Format::bf16, 1, n);
      Rows narrow_y(pens.narrow_y, random, Format::bf16, 1, n);
      x.fill(values);
      narrow_x.fill(values);
      table.f32(bound.act, x.f32(), y.f32(), n);
      table.bf16(bound.act, narrow_x.bf16(), narrow_y.bf16(), n);
      Worst worst;
      for (int64_t i = 0; i < n; ++i) {
        const float v = x.at(0, i);
        measure(bound, v, act_exact(bound.act, static_cast<double>(v)), y.at(0, i), worst);
      }
      REQUIRE(worst.share <= 1);
      std::vector<float> rounded = y.values();
      for (float& v : rounded) v = float_from_bf16(bf16_from_float(v));
      REQUIRE(same_values(narrow_y.values(), rounded));
      table.bf16(bound.act, narrow_x.bf16(), narrow_x.bf16(), n);
      REQUIRE(same_values(narrow_x.values(), rounded));
      table.f32_to_bf16(bound.act, x.f32(), narrow_y.bf16(), n);
      REQUIRE(same_values(narrow_y.values(), rounded));
      REQUIRE((x.intact() && y.intact() && narrow_x.intact() && narrow_y.intact()));
    }
  });
}
