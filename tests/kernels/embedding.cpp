// SPDX-License-Identifier: Apache-2.0
// Embedding gather and sum: every variant adds the chosen rows in the order given, to the bit.

#include "../../kernels/embedding/embedding.h"

#include <initializer_list>

#include "../../kernels/elementwise/elementwise.h"
#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

constexpr Format kFormats[] = {Format::f32, Format::bf16, Format::f16};

int64_t width(Format format) {
  return format == Format::f32 ? 4 : 2;
}

/// A table of random values in `format`; the same values in f32 go to `wide`.
void fill_table(Random& random, Format format, GuardedBuffer<unsigned char>& table,
                GuardedBuffer<float>& wide) {
  const ElementwiseTable& convert = elementwise_variants().best(Isa::generic);
  random.fill(wide, -2, 2);
  convert.convert(wide.data(), Format::f32, table.data(), format, wide.size());
  convert.convert(table.data(), format, wide.data(), Format::f32, wide.size());
  table.make_read_only();
}

void check(const EmbeddingTable& table, int64_t rows, int64_t cols, int count, Edge edge,
           uint64_t seed) {
  constexpr int64_t kEntries = 7;
  Random random(seed);
  const Format f0 = kFormats[random.below(3)], f1 = kFormats[random.below(3)];
  GuardedBuffer<unsigned char> t0(kEntries * cols * width(f0), edge);
  GuardedBuffer<unsigned char> t1(kEntries * cols * width(f1), edge);
  GuardedBuffer<float> w0(kEntries * cols), w1(kEntries * cols);
  fill_table(random, f0, t0, w0);
  fill_table(random, f1, t1, w1);
  GuardedBuffer<int64_t> ids(8 * rows, edge);
  for (int64_t& id : ids) id = random.below(kEntries);
  EmbeddingSource sources[8];
  for (int t = 0; t < count; ++t) {
    const bool first = t % 2 == 0;
    sources[t] = {first ? t0.data() : t1.data(), first ? f0 : f1, ids.data() + t * rows};
  }
  const int64_t stride = cols + static_cast<int64_t>(seed % 3);
  GuardedBuffer<float> y(rows > 0 ? (rows - 1) * stride + cols : 0, edge);
  table.gather_sum({rows, cols, sources, count, y.data(), stride});
  CHECK(y.slack_intact());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      float sum = 0;
      for (int t = 0; t < count; ++t) {
        const float v = (t % 2 == 0 ? w0 : w1)[ids[t * rows + i] * cols + j];
        sum = t == 0 ? v : sum + v;
      }
      REQUIRE(same_bits(sum, y[i * stride + j]));
    }
  }
}

}  // namespace

TEST_CASE("embedding adds the gathered rows of all formats in the order given, to the bit") {
  for_each_variant(embedding_variants(), [](const EmbeddingTable& table) {
    uint64_t seed = 0;
    for (int64_t cols = 0; cols <= 130; ++cols) {
      for (int count : {1, 2, 3, 8}) {
        CAPTURE(cols);
        CAPTURE(count);
        ++seed;
        CAPTURE(seed);
        check(table, static_cast<int64_t>(seed % 5), cols, count,
              seed % 2 == 0 ? Edge::back : Edge::front, seed);
      }
    }
    check(table, 5, 384, 3, Edge::back, 1000);
    check(table, 5, 1021, 3, Edge::front, 1001);
  });
}

TEST_CASE("embedding of random tables, lengths and strides is the sum in order, to the bit") {
  static struct { Pen table[3], y; } pens;
  for_each_variant(embedding_variants(), [](const EmbeddingTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const int64_t rows = random.below(4), cols = random_length(random),
                    entries = 1 + random.below(5);
      const int count = 1 + static_cast<int>(random.below(3));
      EmbeddingSource sources[3];
      std::vector<float> wanted(static_cast<size_t>(rows * cols));
      std::vector<int64_t> ids[3];
      for (int t = 0; t < count; ++t) {
        const Format format = kFormats[random.below(3)];
        const int64_t bytes = entries * cols * width(format);
        unsigned char* data = pens.table[t].place(bytes, random.below(2) == 0, 4 * random.below(9));
        for (int64_t b = 0; b < bytes; ++b) data[b] = static_cast<unsigned char>(random.bits());
        for (int64_t i = 0; i < rows; ++i) ids[t].push_back(random.below(entries));
        sources[t] = {data, format, ids[t].data()};
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < cols; ++j) {
            float v = 0;
            const int64_t at = ids[t][static_cast<size_t>(i)] * cols + j;
            elementwise_variants()
                .best(Isa::generic)
                .convert(data + at * width(format), format, &v, Format::f32, 1);
            float& sum = wanted[static_cast<size_t>(i * cols + j)];
            sum = t == 0 ? v : sum + v;
          }
        }
      }
      Rows y(pens.y, random, Format::f32, rows, cols);
      table.gather_sum({rows, cols, sources, count, y.f32(), y.stride()});
      REQUIRE(same_values(y.values(), wanted));
      bool intact = y.intact();
      for (int t = 0; t < count; ++t) intact = intact && pens.table[t].intact();
      REQUIRE(intact);
    }
  });
}

TEST_CASE("embedding from quantised tables gives the rows of every block format") {
  static struct { Pen table, y; } pens;
  for (int seed = 0; seed < kRandomCases; ++seed) {
    CAPTURE(seed);
    Random random(static_cast<uint64_t>(seed));
    const BlockFormat format = static_cast<BlockFormat>(seed % kBlockFormats);
    const int64_t rows = random.below(4), cols = random_length(random),
                  entries = 1 + random.below(4);
    const int64_t row_bytes = static_cast<int64_t>(block_row_bytes(format, cols));
    unsigned char* table =
        pens.table.place(entries * row_bytes, random.below(2) == 0, random.below(9));
    for (int64_t b = 0; b < entries * row_bytes; ++b) {
      table[b] = static_cast<unsigned char>(random.bits());
    }
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < rows; ++i) ids.push_back(random.below(entries));
    Rows y(pens.y, random, Format::f32, rows, cols);
    gather_quantized({rows, cols, format, table, ids.data(), y.f32(), y.stride()});
    std::vector<float> wanted(static_cast<size_t>(cols));
    for (int64_t i = 0; i < rows; ++i) {
      dequantize_row(format, table + ids[static_cast<size_t>(i)] * row_bytes, cols, wanted.data());
      for (int64_t j = 0; j < cols; ++j) {
        REQUIRE(same_bits(y.at(i, j), wanted[static_cast<size_t>(j)]));
      }
    }
    REQUIRE((y.intact() && pens.table.intact()));
  }
}
