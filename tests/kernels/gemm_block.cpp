// SPDX-License-Identifier: Apache-2.0
// Every registered variant of gemm_block that this CPU can run. Sums without an epilogue: against
// double precision, and bit by bit against the other variants. Epilogues: against double precision
// from those sums.
#include <doctest/doctest.h>

#include "gemm_block_problem.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::block;

namespace {

// Roundings of one sum: those of the recipe in gemm_block.h, and four of the factors.
double roundings(const GemmBlockTable& table, BlockFormat format, int64_t k) {
  const bool wide = table.activation == BlockActivation::a16;
  const int64_t groups = (k + 31) / 32, ranges = wide || format == BlockFormat::q6_k ? 2 : 1;
  const bool offset = has_minimum(format) || has_zero_point(format);
  const int64_t inside = wide ? 16 : 0;
  return static_cast<double>(groups * (ranges + (offset ? 1 : 0)) + inside + 4);
}

// Sums without an epilogue within the roundings of the recipe; the number of wrong ones.
int64_t wrong_sums(const GemmBlockTable& table, const Weights& w, const Rows& x,
                   const std::vector<float>& y) {
  const double count = roundings(table, w.format, w.k);
  int64_t wrong = 0;
  for (int64_t i = 0; i < x.m; i++) {
    for (int64_t j = 0; j < w.n; j++) {
      double sum = 0, magnitude = 0;
      const double* a = x.values.data() + i * w.k;
      for (int64_t k = 0; k < w.k; k++) {
        const size_t at = static_cast<size_t>(j * w.k + k);
        sum += a[k] * w.w[at];
        magnitude += std::fabs(a[k]) * (std::fabs(w.w[at]) + w.extra[at]);
      }
      const double got = static_cast<double>(y[static_cast<size_t>(i * w.n + j)]);
      wrong += !(std::fabs(got - sum) <= count * (1.01 * kRound * magnitude + 0x1p-149));
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE(
    "gemm_block: random small shapes, formats and epilogues agree with double precision, and "
    "all variants with each other bit by bit") {
  constexpr int kCases = 100000;  // calls of each kind: sums and epilogues
  Random random(20240712);
  Rooms at;
  const std::vector<const GemmBlockTable*> tables = runnable();
  for (int cases = 0; cases < kCases;) {
    const bool front = random.below(2) == 0, long_k = random.below(8) == 0;
    const Weights w = random_weights(random, at, long_k ? 20 : 70, long_k ? 700 : 100, front);
    const int64_t m = random.below(4) == 0 ? 1 : random.below(w.k > 100 ? 5 : 16);
    for (BlockActivation activation : {BlockActivation::a8, BlockActivation::a16}) {
      std::vector<float> first;
      Rows x;
      for (const GemmBlockTable* table : tables) {
        if (table->activation != activation) continue;
        if (first.empty()) x = make_rows(random, at, *table, m, w.k, front);
        const std::string variant = table->name, format = block_info(w.format).name;
        INFO(variant, " ", format, " m ", m, " n ", w.n, " k ", w.k, " gate ", w.gate);
        const std::vector<float> y = run(at, *table, w, x, {}, front);
        if (first.empty()) {
          REQUIRE(wrong_sums(*table, w, x, y) == 0);
          first = y;
        }
        REQUIRE(different(first, y) == 0);
        const Finish f = random_finish(random, m, w.n, w.gate);
        INFO("act ", static_cast<int>(f.act), " bias ", !f.bias.empty(), " residual ",
             f.residual.size(), " bf16 ", f.c_format == Format::bf16);
        REQUIRE(wrong_results({m, w.n, front}, f, y, run(at, *table, w, x, f, front)) == 0);
        cases++;
      }
    }
  }
}

TEST_CASE("gemm_block: a NaN in x reaches its row, one in a scale its column, and no other") {
  Random random(6);
  Rooms at;
  const float nan = static_cast<float>(NAN);
  for (int round = 0; round < 400; round++) {
    Weights w = random_weights(random, at, 70, 300, false);
    if (w.n == 0 || w.k == 0) continue;
    const int64_t m = 1 + random.below(14), row = random.below(m), column = random.below(w.n);
    for (const GemmBlockTable* table : runnable()) {
      const Rows x = make_rows(random, at, *table, m, w.k, false);
      const std::vector<float> clean = run(at, *table, w, x, {}, false);
      const bool a8 = table->activation == BlockActivation::a8, in_x = random.below(2) == 0;
      // Of a group of x the scale or a value; or d of a column, the first f16 of its panel.
      const int64_t in_row = random.below((w.k + 31) / 32) * (a8 ? 44 : 132) + (a8 ? 32 : 0);
      char* xs = static_cast<char*>(const_cast<void*>(x.a)) + row * x.lda + in_row;
      char* d = static_cast<char*>(const_cast<void*>(w.packed)) +
                table->packed_bytes(w.format, column / 32 * 32, w.k) + column % 32 * 2;
      uint16_t before;
      memcpy(&before, d, 2);
      const uint16_t half_nan = 0x7e00;
      memcpy(in_x ? xs : d, in_x ? static_cast<const void*>(&nan) : &half_nan, in_x ? 4 : 2);
      const std::vector<float> y = run(at, *table, w, x, {}, false);
      memcpy(d, &before, 2);
      int64_t wrong = 0;
      for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < w.n; j++) {
          const size_t index = static_cast<size_t>(i * w.n + j);
          const bool hit = in_x ? i == row : j == column;
          wrong += hit ? !std::isnan(y[index]) : !same_bits(y[index], clean[index]);
        }
      }
      CHECK(wrong == 0);
    }
  }
}
