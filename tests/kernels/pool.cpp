// SPDX-License-Identifier: Apache-2.0
// Pooling and unit length: weighted_sum, max and scale to the bit of the definition (and that
// against double precision), normalize within its rounding bound.

#include "../../kernels/pool/pool.h"

#include <initializer_list>

#include "rows.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

const PoolTable& definition() {
  return pool_variants().best(Isa::generic);
}

}  // namespace

TEST_CASE("the definition of weighted_sum is within the bound of a sequential sum") {
  Random random(4);
  const int64_t rows = 301, cols = 40;
  GuardedBuffer<float> x(rows * cols), weights(rows), y(cols);
  random.fill(x, -3, 3);
  random.fill(weights, 0, 1);
  definition().weighted_sum(x.data(), cols, weights.data(), rows, cols, y.data());
  for (int64_t j = 0; j < cols; ++j) {
    double sum = 0, magnitude = 0;
    for (int64_t i = 0; i < rows; ++i) {
      const double term = static_cast<double>(weights[i]) * static_cast<double>(x[i * cols + j]);
      sum += term;
      magnitude += std::fabs(term);
    }
    CHECK(std::fabs(static_cast<double>(y[j]) - sum) <= sum_tolerance(rows, magnitude));
  }
}

TEST_CASE("weighted_sum and max of every variant have the bits of the definition") {
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    for (int64_t cols = 0; cols <= 130; ++cols) {
      for (int64_t rows : {0, 1, 2, 7}) {
        CAPTURE(cols);
        CAPTURE(rows);
        const int64_t stride = cols + cols % 3, size = rows > 0 ? (rows - 1) * stride + cols : 0;
        const Edge edge = (cols + rows) % 2 == 0 ? Edge::back : Edge::front;
        GuardedBuffer<float> x(size, edge), weights(rows, edge), y(cols, edge), wanted(cols, edge);
        GuardedBuffer<uint8_t> mask(rows, edge);
        Random random(static_cast<uint64_t>(cols * 10 + rows));
        random.fill(x, -3, 3);
        random.fill(weights, -1, 1);
        for (uint8_t& m : mask) m = static_cast<uint8_t>(random.below(2));
        if (size > 3) x[size / 2] = kNaN;
        if (size > 9) x[size / 3] = -kInfinity;
        x.make_read_only();
        for (bool plain : {false, true}) {
          const float* w = plain ? nullptr : weights.data();
          table.weighted_sum(x.data(), stride, w, rows, cols, y.data());
          definition().weighted_sum(x.data(), stride, w, rows, cols, wanted.data());
          for (int64_t j = 0; j < cols; ++j) REQUIRE(same_bits(y[j], wanted[j]));
          const uint8_t* m = plain ? nullptr : mask.data();
          table.max(x.data(), stride, m, rows, cols, y.data());
          definition().max(x.data(), stride, m, rows, cols, wanted.data());
          for (int64_t j = 0; j < cols; ++j) REQUIRE(same_bits(y[j], wanted[j]));
        }
        CHECK(y.slack_intact());
      }
    }
  });
}

TEST_CASE("max over no rows is -1e9, keeps a NaN, and ignores masked rows") {
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    const int64_t cols = 21;
    GuardedBuffer<float> x(3 * cols), y(cols);
    GuardedBuffer<uint8_t> mask(3);
    for (int64_t j = 0; j < cols; ++j) {
      x[j] = 5;
      x[cols + j] = j % 2 == 0 ? kNaN : -kInfinity;
      x[2 * cols + j] = 7;
    }
    for (uint8_t& m : mask) m = 0;
    table.max(x.data(), cols, mask.data(), 3, cols, y.data());
    for (float v : y) CHECK(v == -1e9f);
    mask[0] = 1;
    table.max(x.data(), cols, mask.data(), 3, cols, y.data());
    for (float v : y) CHECK(v == 5);
    table.max(x.data(), cols, nullptr, 3, cols, y.data());
    for (int64_t j = 0; j < cols; ++j) CHECK((j % 2 == 0 ? std::isnan(y[j]) : y[j] == 7.0f));
    mask[0] = 0;
    mask[1] = 1;
    table.max(x.data(), cols, mask.data(), 3, cols, y.data());
    for (int64_t j = 0; j < cols; ++j) CHECK((j % 2 == 0 ? std::isnan(y[j]) : y[j] == -kInfinity));
  });
}

TEST_CASE("scale has the bits of one product, in place too") {
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    for (int64_t n = 0; n <= 130; ++n) {
      const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
      GuardedBuffer<float> x(n, edge), y(n, edge);
      Random random(static_cast<uint64_t>(n));
      random.fill(x, -3, 3);
      table.scale(x.data(), 0.3f, y.data(), n);
      for (int64_t i = 0; i < n; ++i) REQUIRE(same_bits(y[i], x[i] * 0.3f));
      table.scale(x.data(), 0.3f, x.data(), n);
      for (int64_t i = 0; i < n; ++i) REQUIRE(same_bits(y[i], x[i]));
      CHECK((x.slack_intact() && y.slack_intact()));
    }
  });
}

TEST_CASE("normalize gives unit length within its rounding bound") {
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    for (int64_t n : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 384, 768, 1021, 4096}) {
      CAPTURE(n);
      const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
      GuardedBuffer<float> x(n, edge), y(n, edge);
      Random random(static_cast<uint64_t>(n));
      random.fill(x, -3, 3);
      double squares = 0;
      for (float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
      table.normalize(x.data(), 1e-12f, y.data(), n);
      // Half the error of the sum (a chain of n / 8 + 8), and three roundings.
      const double relative = (static_cast<double>(n / 8 + 8) / 2 + 3) * 0x1p-24;
      for (int64_t i = 0; i < n; ++i) {
        const double wanted = static_cast<double>(x[i]) / std::sqrt(squares);
        CHECK(std::fabs(static_cast<double>(y[i]) - wanted) <= std::fabs(wanted) * relative);
      }
      table.normalize(x.data(), 1e-12f, x.data(), n);
      for (int64_t i = 0; i < n; ++i) CHECK(same_bits(x[i], y[i]));
      CHECK((x.slack_intact() && y.slack_intact()));
    }
  });
}

TEST_CASE("normalize divides a vector shorter than eps by eps, and a NaN makes all NaN") {
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    GuardedBuffer<float> x(19), y(19);
    for (float& v : x) v = 0;
    table.normalize(x.data(), 1e-12f, y.data(), 19);
    for (float v : y) CHECK(v == 0);
    x[3] = 0.25f;
    table.normalize(x.data(), 0.5f, y.data(), 19);
    CHECK(y[3] == 0.5f);
    x[18] = kNaN;
    table.normalize(x.data(), 1e-12f, y.data(), 19);
    for (float v : y) CHECK(std::isnan(v));
  });
}

TEST_CASE("pooling of random shapes has the bits of the definition, normalize its bound") {
  static struct { Pen x, y; } pens;
  for_each_variant(pool_variants(), [](const PoolTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const int64_t rows = random.below(5), cols = random_length(random);
      std::vector<float> values = random_values(random, rows * cols, Format::f32);
      if (!values.empty() && random.below(4) == 0) values[values.size() / 2] = kNaN;
      std::vector<float> weights = random_values(random, rows, Format::f32);
      std::vector<uint8_t> mask;
      for (int64_t i = 0; i < rows; ++i) mask.push_back(random.below(2) == 0);
      Rows x(pens.x, random, Format::f32, rows, cols), y(pens.y, random, Format::f32, 1, cols);
      x.fill(values);
      std::vector<float> wanted(static_cast<size_t>(cols));
      const float* w = random.below(4) == 0 ? nullptr : weights.data();
      table.weighted_sum(x.f32(), x.stride(), w, rows, cols, y.f32());
      definition().weighted_sum(x.f32(), x.stride(), w, rows, cols, wanted.data());
      REQUIRE(same_values(y.values(), wanted));
      const uint8_t* m = random.below(4) == 0 ? nullptr : mask.data();
      table.max(x.f32(), x.stride(), m, rows, cols, y.f32());
      definition().max(x.f32(), x.stride(), m, rows, cols, wanted.data());
      REQUIRE(same_values(y.values(), wanted));
      REQUIRE((x.intact() && y.intact() && same_values(x.values(), values)));
      if (rows == 0) continue;
      table.scale(x.f32(), 0.3f, y.f32(), cols);
      definition().scale(x.f32(), 0.3f, wanted.data(), cols);
      REQUIRE(same_values(y.values(), wanted));
      table.normalize(x.f32(), 1e-12f, y.f32(), cols);
      definition().normalize(x.f32(), 1e-12f, wanted.data(), cols);
      // Half the error of the sum (a chain of cols / 8 + 8), three roundings; squares of denormals
      // are lost.
      const double relative = (static_cast<double>(cols / 8 + 8) / 2 + 4) * 0x1p-24;
      for (int64_t j = 0; j < cols; ++j) {
        const double exact = static_cast<double>(wanted[static_cast<size_t>(j)]);
        const double error = std::fabs(static_cast<double>(y.at(0, j)) - exact);
        REQUIRE((error <= std::fabs(exact) * relative + 0x1p-149 ||
                 (std::isnan(exact) && std::isnan(y.at(0, j)))));
      }
      REQUIRE(y.intact());
    }
  });
}
