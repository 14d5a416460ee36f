// SPDX-License-Identifier: Apache-2.0
// The vector mathematics that no op exposes by itself: exp and erf against double precision over
// every 101st float (every float when TERN_TEST_EXHAUSTIVE is set), reductions, tails.

#include "simd.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

template <class F>
void for_each_level(F f) {
  for (const SimdFunctions* functions : {&simd_avx512, &simd_avx2}) {
    if (static_cast<int>(functions->isa) > static_cast<int>(hardware_isa())) continue;
    const std::string name = functions->name;
    CAPTURE(name);
    f(*functions);
  }
}

/// Largest error in units of the last place over the floats from `first` on, as bits: from
/// 0x80000000 those with a minus sign.
double worst_ulps(void (*run)(const float*, float*, int64_t), double (*exact)(double),
                  uint64_t first) {
  const uint64_t step = std::getenv("TERN_TEST_EXHAUSTIVE") != nullptr ? 1 : 101;
  constexpr int64_t kBatch = 4096;
  GuardedBuffer<float> x(kBatch), y(kBatch);
  double worst = 0;
  for (uint64_t bits = first; bits < (uint64_t{1} << 32);) {
    for (float& v : x) {
      v = float_from_bits(static_cast<uint32_t>(bits));
      bits = std::min(bits + step, uint64_t{1} << 32);
    }
    run(x.data(), y.data(), kBatch);
    for (int64_t i = 0; i < kBatch; ++i) {
      worst = std::max(worst, ulps(exact(static_cast<double>(x[i])), y[i]));
    }
  }
  return worst;
}

/// Adds or compares lane i with lane i + half, halving until one is left.
template <class F>
float by_tree(const float* x, int lanes, F combine) {
  float v[16];
  std::copy(x, x + lanes, v);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] = combine(v[i], v[i + half]);
  }
  return v[0];
}

}  // namespace

TEST_CASE("exp is within 1.1 units of the last place of every float up to -0, -inf and NaN too") {
  for_each_level([](const SimdFunctions& f) {
    CHECK(worst_ulps(
              f.exp, [](double x) { return std::exp(x); }, 0x80000000) <= 1.1);
  });
}

TEST_CASE("erf is within 3 units of the last place of every float, NaN and infinities included") {
  for_each_level([](const SimdFunctions& f) {
    CHECK(worst_ulps(
              f.erf, [](double x) { return std::erf(x); }, 0) <= 3);
  });
}

TEST_CASE("reductions follow the tree that their comments state") {
  Random random(8);
  for_each_level([&random](const SimdFunctions& f) {
    GuardedBuffer<float> x(16);
    for (int round = 0; round < 1000; ++round) {
      random.fill(x, -1, 1);
      const auto add = [](float a, float b) { return a + b; };
      const auto larger = [](float a, float b) { return a > b ? a : b; };
      REQUIRE(same_bits(f.reduce_add(x.data()), by_tree(x.data(), f.lanes, add)));
      REQUIRE(same_bits(f.reduce_max(x.data()), by_tree(x.data(), f.lanes, larger)));
    }
  });
}

TEST_CASE("tail_mask(n) has the first n lanes, none below 0 and all from the width on") {
  for_each_level([](const SimdFunctions& f) {
    for (int64_t n : {INT64_MIN, int64_t{-1}, INT64_MAX, int64_t{1} << 40, int64_t{1} << 32}) {
      const uint32_t all = (uint32_t{1} << f.lanes) - 1;
      CHECK(f.tail_mask(n) == (n > 0 ? all : 0u));
    }
    for (int64_t n = 0; n <= 2 * f.lanes; ++n) {
      CHECK(f.tail_mask(n) == (uint32_t{1} << std::min<int64_t>(n, f.lanes)) - 1);
    }
  });
}
