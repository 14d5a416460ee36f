// SPDX-License-Identifier: Apache-2.0
// gemm_block: what must be equal byte for byte: rectangles, panels, prepared rows.
#include <doctest/doctest.h>

#include "gemm_block_problem.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::block;

TEST_CASE("gemm_block: any rows, and any columns from a panel on, have the bits of the whole") {
  Random random(3);
  Rooms at;
  for (int round = 0; round < 300; round++) {
    const Weights w = random_weights(random, at, 150, 600, false);
    if (w.n == 0) continue;
    const int64_t m = 1 + random.below(40);
    for (const GemmBlockTable* table : runnable()) {
      Rows x = make_rows(random, at, *table, m, w.k, false);
      const Finish f = random_finish(random, 0, w.n, false);
      Finish whole;
      whole.act = f.act;
      whole.bias = f.bias;
      const std::vector<float> y = run(at, *table, w, x, whole, false);
      const int64_t row = random.below(m), panel = random.below(panels_of(w.n));
      Rows some = x;
      some.m = 1 + random.below(m - row);
      some.a = static_cast<const char*>(x.a) + row * x.lda;
      Weights part = w;
      part.n = 1 + random.below(w.n - 32 * panel);
      part.packed =
          static_cast<const char*>(w.packed) + table->packed_bytes(w.format, 32 * panel, w.k);
      Finish rest = whole;
      if (!rest.bias.empty()) rest.bias.erase(rest.bias.begin(), rest.bias.begin() + 32 * panel);
      const std::vector<float> z = run(at, *table, part, some, rest, false);
      int64_t wrong = 0;
      for (int64_t i = 0; i < some.m; i++) {
        for (int64_t j = 0; j < part.n; j++) {
          wrong += !same_bits(z[static_cast<size_t>(i * part.n + j)],
                              y[static_cast<size_t>((row + i) * w.n + 32 * panel + j)]);
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE(
    "gemm_block: panels packed apart are those packed together, from floats those of their "
    "blocks") {
  Random random(4);
  for (int round = 0; round < 300; round++) {
    const BlockFormat format = static_cast<BlockFormat>(random.below(kBlockFormats));
    if (!block_info(format).quantizes) continue;
    const int64_t n = 1 + random.below(100), k = 1 + random.below(300);
    const size_t row_bytes = block_row_bytes(format, k);
    std::vector<float> w = draw(random, n * k);
    std::vector<uint8_t> blocks(static_cast<size_t>(n) * row_bytes);
    for (int64_t j = 0; j < n; j++)
      quantize_row(format, w.data() + j * k, Format::f32, k,
                   blocks.data() + static_cast<size_t>(j) * row_bytes);
    const GemmBlockTable& table = *runnable()[0];
    const size_t bytes = table.packed_bytes(format, n, k);
    std::vector<char> together(bytes, 1), apart(bytes, 2);
    BlockPack p{};
    p.format = format;
    p.w = blocks.data();
    p.row_bytes = static_cast<int64_t>(row_bytes);
    p.n = n;
    p.k = k;
    p.out = together.data();
    p.panel_end = panels_of(n);
    table.pack(p);
    p.w = w.data();
    p.quantize = true;
    p.row_bytes = 4 * k;
    p.out = apart.data();
    for (int64_t panel = panels_of(n); panel-- > 0;) {
      p.panel_begin = panel;
      p.panel_end = panel + 1;
      table.pack(p);
    }
    CHECK(together == apart);
  }
  for (int i = 0; i < kBlockFormats; i++) {
    const BlockFormat format = static_cast<BlockFormat>(i);
    const double packed = static_cast<double>(block_packed_bytes(format, 4096, 4096));
    CHECK(packed <= 1.03 * 4096 * static_cast<double>(block_row_bytes(format, 4096)));
  }
}

TEST_CASE(
    "gemm_block: prepared rows are the same bytes in every variant, int8 codes within half a "
    "step") {
  Random random(5);
  const float inf = INFINITY;
  const float special[] = {0.0f,
                           -0.0f,
                           0x1p-149f,
                           -0x1p-126f,
                           0x1p-118f,
                           0x1p-119f,
                           0x1.fffffep127f,
                           -0x1p100f,
                           inf,
                           -inf,
                           static_cast<float>(NAN)};
  for (int round = 0; round < 3000; round++) {
    const int64_t m = random.below(4), k = random.below(200), ldx = k + random.below(3);
    const bool half = random.below(2) == 0;
    const int64_t extent = m == 0 ? 0 : (m - 1) * ldx + k;
    GuardedBuffer<float> x(half ? 0 : extent);
    GuardedBuffer<uint16_t> x16(half ? extent : 0);
    const int64_t rarity = 1 + random.below(200);
    const double scale = std::exp2(random.uniform(-130, 120));
    for (int64_t i = 0; i < extent; i++) {
      const float v = random.below(rarity) == 0 ? special[random.below(11)]
                                                : static_cast<float>(scale * random.uniform(-1, 1));
      if (half) x16[i] = static_cast<uint16_t>(bits_from_float(v) >> 16);
      if (!half) x[i] = v;
    }
    for (const GemmBlockTable* table : runnable()) {
      const int64_t row_bytes = static_cast<int64_t>(table->row_bytes(k));
      GuardedBuffer<uint32_t> ours(m * row_bytes / 4), generic(m * row_bytes / 4);
      const BlockRows rows{half ? static_cast<void*>(x16.data()) : x.data(),
                           half ? Format::bf16 : Format::f32,
                           ldx,
                           m,
                           k,
                           ours.data(),
                           row_bytes};
      BlockRows other = rows;
      other.out = generic.data();
      table->quantize_rows(rows);
      generic_of(*table).quantize_rows(other);
      const std::string variant = table->name;
      INFO(variant, " m ", m, " k ", k, " bf16 ", half);
      int64_t wrong = 0;
      for (int64_t i = 0; i < ours.size(); i++) {
        wrong += ours[i] != generic[i] &&
                 !(std::isnan(float_from_bits(ours[i])) && std::isnan(float_from_bits(generic[i])));
      }
      REQUIRE(wrong == 0);
      if (table->activation == BlockActivation::a16) continue;
      for (int64_t i = 0; i < m * k; i++) {
        const char* group =
            reinterpret_cast<const char*>(ours.data()) + i / k * row_bytes + i % k / 32 * 44;
        float s;
        memcpy(&s, group + 32, 4);
        const int64_t from = i / k * ldx + i % k;
        const double v = static_cast<double>(half ? float_from_bf16(x16[from]) : x[from]);
        if (std::isnan(v) || std::isinf(v)) wrong += !std::isnan(s);
        if (std::isnan(s)) continue;
        const double code = static_cast<double>(static_cast<signed char>(group[i % k % 32]));
        const double error = std::fabs(v - code * static_cast<double>(s));
        wrong += !(error <= static_cast<double>(s) * (0.5 + 127 * 3 * kRound) ||
                   (s == 0 && std::fabs(v) < 0x1p-118));
      }
      REQUIRE(wrong == 0);
    }
  }
}

TEST_CASE("gemm_block: the largest codes against the largest x neither saturate nor wrap") {
  Random random(7);
  Rooms at;
  for (int f = 0; f < kBlockFormats; f++) {
    for (const int fill : {0x00, 0x7f, 0x80, 0xff}) {
      Weights w{};
      w.format = static_cast<BlockFormat>(f);
      w.n = 33;
      w.k = 512;
      w.fill = fill;
      make_weights(random, at, *runnable()[0], false, w);
      for (const float value : {1.0f, -1.0f}) {
        for (const int64_t m : {1, 13}) {
          const std::vector<float> x(static_cast<size_t>(m * w.k), value);
          for (const GemmBlockTable* table : runnable()) {
            const int64_t row_bytes = static_cast<int64_t>(table->row_bytes(w.k));
            Rows rows{m, w.k, row_bytes, at.a.place<uint32_t>(m * row_bytes / 4, false), {}};
            table->quantize_rows(
                {x.data(), Format::f32, w.k, m, w.k, const_cast<void*>(rows.a), row_bytes});
            const std::vector<float> y = run(at, *table, w, rows, {}, false);
            const std::string variant = table->name, format = block_info(w.format).name;
            INFO(variant, " ", format, " bytes ", fill, " x ", value, " m ", m);
            CHECK(different(y, run(at, generic_of(*table), w, rows, {}, false)) == 0);
          }
        }
      }
    }
  }
}
