// SPDX-License-Identifier: Apache-2.0
// Every registered variant of gemm_int8 that this CPU can run. Rows and weights: against the exact
// rotation. Sums: against double precision of what was quantised and of what it was quantised from.
// Epilogues: against double precision from those sums.
#include <doctest/doctest.h>

#include "gemm_int8_problem.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::int8;

namespace {

// One sum by the definition of what went in: of the dequantised operands, of the rotated ones, and
// how far both and their floats may be apart.
struct Exact {
  double quantised = 0, given = 0, magnitude = 0, error = 0;

  Exact(const Weights& w, const Rows& x, int64_t i, int64_t j) {
    for (int64_t k = 0; k < w.k; k++) {
      const size_t a = static_cast<size_t>(i * w.k + k), b = static_cast<size_t>(j * w.k + k);
      quantised += x.q.values[a] * w.q.values[b];
      given += x.q.rotated[a] * w.q.rotated[b];
      // Sums are of x's codes with 128 added, then the start takes that away.
      const double added = 128 * static_cast<double>(x.q.scales[a]);
      magnitude += (std::fabs(x.q.values[a]) + 2 * added) * std::fabs(w.q.values[b]);
      const double ex = error_bound(x.q, i, k), ew = error_bound(w.q, j, k);
      error += std::fabs(x.q.rotated[a]) * ew + std::fabs(w.q.rotated[b]) * ex + ex * ew;
    }
  }
};

// Sums that are wrong by either measure. What a group adds is rounded where it is added, then with
// each group of the weights and of the rows that follows; so is the start, which was rounded for
// each group of the weights twice when it was summed up.
int64_t wrong_sums(const Weights& w, const Rows& x, const std::vector<float>& y) {
  int64_t wrong = 0;
  const double roundings =
      static_cast<double>(3 * parts_of(w.k, weight_group(w.k)) + parts_of(w.k, row_group(w.k)) + 1);
  for (int64_t i = 0; i < x.m; i++) {
    for (int64_t j = 0; j < w.n; j++) {
      const Exact exact(w, x, i, j);
      const double got = static_cast<double>(y[static_cast<size_t>(i * w.n + j)]);
      const double rounding = roundings * (1.01 * kRound * exact.magnitude + 0x1p-149);
      wrong += !(std::fabs(got - exact.quantised) <= rounding);
      wrong += !(std::fabs(got - exact.given) <= exact.error * 1.0001 + rounding);
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE(
    "gemm_int8: random small shapes and epilogues agree with double precision, and all variants "
    "with each other bit by bit") {
  constexpr int kCases = 100000;  // calls
  Random random(20240801);
  Rooms at;
  const std::vector<const GemmInt8Table*> tables = runnable();
  for (int cases = 0; cases < kCases;) {
    const bool front = random.below(2) == 0, longer = random.below(16) == 0;
    const int64_t k = random_k(random, longer), n = random_n(random, longer ? 20 : 110);
    const int64_t m = random.below(4) == 0 ? 1 : random.below(longer ? 5 : 17);
    const GemmInt8Table& any =
        *tables[static_cast<size_t>(random.below(static_cast<int64_t>(tables.size())))];
    INFO("m ", m, " n ", n, " k ", k, " prepared by ", any.name);
    const Weights w = make_weights(random, at, any, n, k, front);
    const Rows x = make_rows(random, at, any, m, k, front);
    REQUIRE(wrong_values(w.q) == 0);
    REQUIRE(wrong_values(x.q) == 0);
    std::vector<float> first;
    for (const GemmInt8Table* table : tables) {
      const std::string variant = table->name;
      INFO(variant, " gate ", w.gate);
      const std::vector<float> y = run(at, *table, w, x, {}, front);
      if (first.empty()) {
        REQUIRE(wrong_sums(w, x, y) == 0);
        first = y;
      }
      REQUIRE(different(first, y) == 0);
      for (int repeat = 0; repeat < 2; repeat++) {
        const Finish f = random_finish(random, m, n, w.gate);
        INFO("act ", static_cast<int>(f.act), " bias ", !f.bias.empty(), " residual ",
             f.residual.size(), " bf16 ", f.c_format == Format::bf16);
        REQUIRE(wrong_results({m, n, front}, f, y, run(at, *table, w, x, f, front)) == 0);
        cases++;
      }
    }
  }
}

TEST_CASE("gemm_int8: a row is rotated by the Hadamard matrix of its block, over its square root") {
  // One element of a row is 1, so that the codes show a column of the matrix: ±1 / sqrt(mixed).
  for (const GemmInt8Table* table : runnable()) {
    for (const int64_t k : {16, 32, 48, 64, 96, 128, 384, 512, 576, 768, 1024, 1536, 3072}) {
      const int64_t block = block_of(k), bytes = static_cast<int64_t>(table->row_bytes(k));
      int64_t wrong = 0;
      for (int64_t one = 0; one<k; one += k> 64 ? 37 : 1) {
        std::vector<float> x(static_cast<size_t>(k));
        std::vector<uint32_t> out(static_cast<size_t>(bytes / 4));
        x[static_cast<size_t>(one)] = 1;
        table->quantize_rows({x.data(), Format::f32, k, 1, k, out.data(), bytes});
        const char* row = reinterpret_cast<const char*>(out.data());
        for (int64_t i = 0; i < k; i++) {
          float scale;
          memcpy(&scale, row + kPiece * parts_of(k, kPiece) + i / row_group(k) * 4, 4);
          const bool inside = i / block == one / block && i % 4 == one % 4;
          const auto both = static_cast<uint64_t>(i & one & (block - 1) & ~3);
          const int right = !inside ? 0 : __builtin_popcountll(both) % 2 ? -127 : 127;
          wrong += static_cast<unsigned char>(row[place_of(i)]) - 128 != right;
          const double unit = 1 / std::sqrt(static_cast<double>(mixed_of(k)));
          // Rounded once, as a constant; its product with 1 is exact.
          wrong += inside && !(std::fabs(static_cast<double>(scale) * 127 - unit) <= kRound * unit);
        }
      }
      INFO(table->name, " k ", k);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm_int8: a NaN or an infinity in a row makes that row of y NaN, no other") {
  Random random(6);
  Rooms at;
  const float bad[] = {static_cast<float>(NAN), INFINITY, -INFINITY};
  for (int round = 0; round < 400; round++) {
    const int64_t k = 1 + random_k(random, round % 4 == 0), m = 1 + random.below(14);
    const int64_t n = 1 + random_n(random, 100), row = random.below(m);
    for (const GemmInt8Table* table : runnable()) {
      const Weights w = make_weights(random, at, *table, n, k, false);
      std::vector<float> x(static_cast<size_t>(m * k));
      for (float& f : x) f = static_cast<float>(random.uniform(-1, 1));
      const int64_t bytes = static_cast<int64_t>(table->row_bytes(k));
      std::vector<uint32_t> a(static_cast<size_t>(m * bytes / 4));
      const Rows rows{m, k, bytes, {}, reinterpret_cast<const char*>(a.data())};
      table->quantize_rows({x.data(), Format::f32, k, m, k, a.data(), bytes});
      const std::vector<float> clean = run(at, *table, w, rows, {}, false);
      for (int64_t count = 1 + random.below(2); count > 0; count--) {
        x[static_cast<size_t>(row * k + random.below(k))] = bad[random.below(3)];
      }
      table->quantize_rows({x.data(), Format::f32, k, m, k, a.data(), bytes});
      const std::vector<float> y = run(at, *table, w, rows, {}, false);
      int64_t wrong = 0;
      for (int64_t i = 0; i < m * n; i++) {
        const float found = y[static_cast<size_t>(i)];
        wrong +=
            i / n == row ? !std::isnan(found) : !same_bits(found, clean[static_cast<size_t>(i)]);
      }
      INFO(table->name, " k ", k);
      CHECK(wrong == 0);
    }
  }
}
