// SPDX-License-Identifier: Apache-2.0
// Every registered variant of gemm that this CPU can run, against a double-precision oracle,
// between forbidden pages; special values. gemm_bits.cpp holds what must be equal bit by bit.
#include <doctest/doctest.h>

#include <iterator>

#include "act_exact.h"
#include "gemm_problem.h"

using namespace tern::test;
using namespace tern::kernels;

namespace {

constexpr double kRoundF32 = 0x1p-24;  // largest relative error of one rounding
constexpr double kRoundBf16 = 0x1p-8;

// An exact value and a bound of the error of the computed one.
struct Bounded {
  double value, error;
};

// y + bias: each of the k + 1 additions rounds once relative to the sum of magnitudes (vdpbf16ps
// may also flush a denormal at each).
Bounded biased_sum(const Problem& p, const Finish& f, const Added& added, int64_t i, int64_t j) {
  auto [sum, magnitude] = p.exact(i, j);
  const double offset = f.bias ? static_cast<double>(added.bias[static_cast<size_t>(j)]) : 0;
  sum += offset;
  magnitude += std::fabs(offset);
  return {sum, static_cast<double>(p.k + 1) * (kRoundF32 * magnitude + 0x1p-126) * 1.01};
}

// Every activation has slope below 1.13 and an own relative error of 8 · 2^-24 or 2e-11 |x|.
Bounded activated(Act act, Bounded x) {
  if (act == Act::none) return x;
  const double y = act_exact(act, x.value);
  return {y, 1.13 * x.error + 8 * kRoundF32 * std::fabs(y) + 2e-11 * std::fabs(x.value)};
}

Bounded expected(const Problem& p, const Finish& f, const Added& added, int64_t i, int64_t j) {
  Bounded y = activated(f.act, biased_sum(p, f, added, i, f.gate ? 2 * j : j));
  if (f.gate) {
    const Bounded up = biased_sum(p, f, added, i, 2 * j + 1);
    const double gate = std::fabs(y.value) + y.error;
    y.error = gate * up.error + std::fabs(up.value) * y.error;
    y.value *= up.value;
    y.error += kRoundF32 * (std::fabs(y.value) + y.error) + 0x1p-149;
  }
  const size_t index = static_cast<size_t>(i * (f.gate ? p.n / 2 : p.n) + j);
  if (f.residual) y.value += static_cast<double>(added.residual[index]);
  y.error += kRoundF32 * (std::fabs(y.value) + y.error);
  if (f.c_format == Format::bf16) y.error += kRoundBf16 * (std::fabs(y.value) + y.error) + 0x1p-134;
  return y;
}

Sizes random_sizes(Random& rng, const GemmTable& table) {
  const int64_t edges[] = {0, 1, 2, table.rows, table.panel, table.panel + 1};
  const auto size = [&](int64_t most) {
    return rng.below(6) == 0 ? edges[rng.below(6)] : between(rng, 0, most);
  };
  const bool wide = rng.below(8) == 0;  // several panels at once, only few rows
  const int64_t m = size(wide ? 5 : 20);
  return {m, size(wide ? 300 : 60), size(wide ? 20 : 40)};
}

// One random small problem with a random epilogue. False at the first wrong element.
bool random_case(Random& rng, const GemmTable& table) {
  Sizes s = random_sizes(rng, table);
  Finish f{static_cast<Act>(rng.below(8)),
           rng.below(2) == 0,
           rng.below(2) == 0,
           rng.below(3) == 0,
           rng.below(2) == 0,
           rng.below(3) == 0 ? Format::bf16 : Format::f32};
  f.alias = f.alias && f.residual && f.c_format == Format::f32;
  if (f.gate) s.n -= s.n % 2;
  Problem p = make_problem(table, s, static_cast<Format>(rng.below(3)),
                           [&] { return static_cast<float>(rng.uniform(-1, 1)); });
  p.woven = f.gate || (s.n % 2 == 0 && rng.below(8) == 0);
  const int64_t columns = f.gate ? s.n / 2 : s.n;
  const Added added{uniform_vector(rng, s.n), uniform_vector(rng, s.m * columns)};
  const Packed packed(rng, p);
  const std::vector<float> y = run(rng, p, packed.data(), f, added);
  for (int64_t i = 0; i < s.m; i++) {
    for (int64_t j = 0; j < columns; j++) {
      const Bounded right = expected(p, f, added, i, j);
      const double got = static_cast<double>(y[static_cast<size_t>(i * columns + j)]);
      if (std::fabs(got - right.value) <= right.error) continue;
      INFO("m ", s.m, " n ", s.n, " k ", s.k, " at ", i, ", ", j);
      INFO("act ", static_cast<int>(f.act), " bias ", f.bias, " residual ", f.residual, " alias ",
           f.alias, " gate ", f.gate, " c ", static_cast<int>(f.c_format), " w ",
           static_cast<int>(p.w_format));
      CHECK(std::fabs(got - right.value) <= right.error);
      return false;
    }
  }
  return true;
}

// As vdpbf16ps sees its inputs.
Problem without_denormals(Problem p) {
  for (std::vector<float>* v : {&p.x, &p.w}) {
    for (float& f : *v) f = std::fpclassify(f) == FP_SUBNORMAL ? 0.0f : f;
  }
  return p;
}

}  // namespace

TEST_CASE("gemm: random small shapes, strides, formats and epilogues agree with double precision") {
  constexpr int kCases = 8000;  // per variant: 104,000 where all thirteen run
  const uint64_t seed = 20240611;
  INFO("seed ", seed);
  Random rng(seed);
  for_each_gemm([&](const GemmTable& table) {
    int cases = 0;
    while (cases < kCases && random_case(rng, table)) cases++;
    CHECK(cases == kCases);
  });
}

TEST_CASE("gemm: denormal, huge, infinite and NaN values follow the chain") {
  Random rng(8);
  const float inf = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,     -0.0f,         0x1p-149f, -0x1p-130f,  0x1.8p-126f,
                           0x1p-75f, 0x1p63f,       0x1p127f,  -0x1p127f,   inf,
                           -inf,     std::nanf(""), 0x1p-24f,  -0x1.8p-16f, 65504.0f};
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 300; round++) {
      const Sizes s = {between(rng, 1, 19), between(rng, 1, 210), between(rng, 1, 30)};
      const int64_t rarity = between(rng, 1, 60);
      const Problem p = make_problem(table, s, table.b_format, [&] {
        const int64_t which = rng.below(static_cast<int64_t>(std::size(special)));
        return rng.below(rarity) == 0 ? special[which] : static_cast<float>(rng.uniform(-1, 1));
      });
      const Packed packed(rng, p);
      const std::vector<float> y = run(rng, p, packed.data(), {}, {});
      const Problem seen = has_plain_chain(table) ? p : without_denormals(p);
      int64_t wrong = 0;
      for (int64_t i = 0; i < s.m; i++) {
        for (int64_t j = 0; j < s.n; j++) {
          const float got = y[static_cast<size_t>(i * s.n + j)];
          if (has_plain_chain(table)) wrong += !same_bits(got, p.chain(i, j));
          // vdpbf16ps has another order, so only what cannot depend on it: a NaN stays NaN, a sum
          // far from overflow is right.
          const auto [sum, magnitude] = seen.exact(i, j);
          if (std::isnan(sum)) wrong += !std::isnan(got);
          const Bounded right = biased_sum(seen, {}, {}, i, j);
          const double error = std::fabs(static_cast<double>(got) - right.value);
          if (magnitude < 0x1p100) wrong += !(error <= right.error);
        }
      }
      INFO("m ", s.m, " n ", s.n, " k ", s.k);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("gemm: NaN and infinity in the sums come through every activation and gate") {
  Random rng(12);
  const float inf = std::numeric_limits<float>::infinity();
  for_each_gemm([&](const GemmTable& table) {
    for (int act = 0; act < 8; act++) {
      for (const float value : {inf, -inf, std::nanf("")}) {
        Problem p = uniform_problem(rng, table, {3, 52, 5});
        p.x[5] = value;  // row 1
        const Packed packed(rng, p);
        const Finish f{static_cast<Act>(act), false, false, true};
        const std::vector<float> y = run(rng, p, packed.data(), f, {});
        for (int64_t j = 0; j < 26; j++) {
          const float gate = p.chain(1, 2 * j), up = p.chain(1, 2 * j + 1);
          const double right =
              act_exact(f.act, static_cast<double>(gate)) * static_cast<double>(up);
          const float got = y[static_cast<size_t>(26 + j)];
          if (std::isnan(gate) || std::isnan(up)) CHECK(std::isnan(got));
          if (std::isinf(right)) CHECK(static_cast<double>(got) == right);
          CHECK(std::isfinite(y[static_cast<size_t>(j)]));
        }
      }
    }
  });
}

TEST_CASE("gemm: vdpbf16ps takes denormals as zero, the widening variants do not") {
  Random rng(1);
  for_each_variant(gemm_variants(Format::bf16, Format::bf16), [&](const GemmTable& table) {
    Problem p = make_problem(table, {1, 1, 1}, Format::bf16, [] { return 0x1p-130f; });
    p.source[0] = p.w[0] = 0x1p10f;
    const Packed packed(rng, p);
    const float right = has_plain_chain(table) ? 0x1p-120f : 0.0f;
    CHECK(run(rng, p, packed.data(), {}, {})[0] == right);
  });
}
