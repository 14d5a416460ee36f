// SPDX-License-Identifier: Apache-2.0
// gemm_int8: what must be equal byte for byte: rectangles, panels, prepared rows.
#include <doctest/doctest.h>

#include "gemm_int8_problem.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::int8;

TEST_CASE("gemm_int8: any rows, and any columns from a panel on, have the bits of the whole") {
  Random random(3);
  Rooms at;
  for (int round = 0; round < 400; round++) {
    const bool longer = round % 4 == 0;
    int64_t k = random_k(random, longer), n = 1 + random_n(random, longer ? 120 : 330);
    int64_t m = 1 + random.below(longer ? 20 : 70);
    if (round % 100 == 0) {  // several blocks of rows, with 2 MiB of L2 too
      k = 6000;
      n = 1 + random.below(49);
      m = 230 + random.below(50);
    }
    for (const GemmInt8Table* table : runnable()) {
      Weights w = make_weights(random, at, *table, n, k, false);
      w.gate = false;
      const Rows x = make_rows(random, at, *table, m, k, false);
      const Finish f = random_finish(random, 0, n, false);
      Finish whole;
      whole.act = f.act;
      whole.bias = f.bias;
      const std::vector<float> y = run(at, *table, w, x, whole, false);
      const int64_t row = random.below(m), panel = random.below(panels_of(n));
      Rows some = x;
      some.m = 1 + random.below(m - row);
      some.a = x.a + row * x.lda;
      Weights part = w;
      part.n = 1 + random.below(n - kPanel * panel);
      part.packed = static_cast<const char*>(w.packed) + table->packed_bytes(kPanel * panel, k);
      Finish rest = whole;
      if (!rest.bias.empty()) {
        rest.bias.erase(rest.bias.begin(), rest.bias.begin() + kPanel * panel);
        rest.bias.resize(static_cast<size_t>(part.n));
      }
      const std::vector<float> z = run(at, *table, part, some, rest, false);
      int64_t wrong = 0;
      for (int64_t i = 0; i < some.m; i++) {
        for (int64_t j = 0; j < part.n; j++) {
          wrong += !same_bits(z[static_cast<size_t>(i * part.n + j)],
                              y[static_cast<size_t>((row + i) * n + kPanel * panel + j)]);
        }
      }
      INFO(table->name, " m ", m, " n ", n, " k ", k, " from ", row, ", ", kPanel * panel, " of ",
           some.m, ", ", part.n);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm_int8: rows and panels are the same bytes from every variant, panels in any order") {
  Random random(4);
  Rooms at;
  for (int round = 0; round < 3000; round++) {
    const int64_t k = random_k(random, round % 2 == 0), n = random_n(random, 60);
    const int64_t m = random.below(5), bytes = static_cast<int64_t>(definition().row_bytes(k));
    const bool half = random.below(3) == 0, extreme = random.below(3) == 0;
    const int64_t ldx = k + random.below(3);
    GuardedBuffer<float> x(half ? 0 : m * ldx), w(n * k);
    GuardedBuffer<uint16_t> x16(half ? m * ldx : 0);
    const auto value = [&] {
      // Any float, or small ones with zeros and denormals among them.
      const float f = float_from_bits(static_cast<uint32_t>(random.bits()));
      if (extreme) return f;
      const int64_t kind = random.below(8);
      return kind == 0   ? 0.0f
             : kind == 1 ? f * 0x1p-149f
                         : static_cast<float>(random.uniform(-1, 1));
    };
    for (float& f : x) f = value();
    for (float& f : w) f = value();
    for (uint16_t& h : x16) h = bf16_bits(value());
    const int64_t packed = static_cast<int64_t>(definition().packed_bytes(n, k));
    std::vector<char> first_rows, first_panels;
    for (const GemmInt8Table* table : runnable()) {
      GuardedBuffer<char> rows(m * bytes), panels(packed);
      const void* from = half ? static_cast<void*>(x16.data()) : x.data();
      table->quantize_rows(
          {from, half ? Format::bf16 : Format::f32, ldx, m, k, rows.data(), bytes});
      for (int64_t i = panels_of(n); i-- > 0;) {
        table->pack({w.data(), nullptr, Format::f32, k, n, k, panels.data(), i, i + 1});
      }
      CHECK(rows.slack_intact());
      CHECK(panels.slack_intact());
      if (first_rows.empty()) first_rows.assign(rows.begin(), rows.end());
      if (first_panels.empty()) first_panels.assign(panels.begin(), panels.end());
      INFO(table->name, " k ", k, " m ", m, " n ", n, " extreme ", extreme);
      REQUIRE(std::equal(rows.begin(), rows.end(), first_rows.begin()));
      REQUIRE(std::equal(panels.begin(), panels.end(), first_panels.begin()));
    }
  }
}

TEST_CASE("gemm_int8: a bf16 result is the f32 result rounded, and residual may be c") {
  Random random(10);
  Rooms at;
  for (int round = 0; round < 200; round++) {
    const int64_t m = 1 + random.below(20), n = 2 * (1 + random.below(60));
    const int64_t k = random_k(random, false);
    for (const GemmInt8Table* table : runnable()) {
      const Weights w = make_weights(random, at, *table, n, k, false);
      const Rows x = make_rows(random, at, *table, m, k, false);
      Finish f = random_finish(random, m, n, w.gate);
      f.residual = draw(random, m * (w.gate ? n / 2 : n));
      f.alias = false;
      f.c_format = Format::f32;
      std::vector<float> y = run(at, *table, w, x, f, false);
      f.alias = true;
      CHECK(different(run(at, *table, w, x, f, false), y) == 0);
      f.alias = false;
      f.c_format = Format::bf16;
      for (float& v : y) v = rounded(Format::bf16, v);
      CHECK(different(run(at, *table, w, x, f, false), y) == 0);
    }
  }
}
