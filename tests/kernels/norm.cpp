// SPDX-License-Identifier: Apache-2.0
// layer_norm: every variant against double precision, over sizes, strides, ends of pages, extremes.

#include "../../kernels/norm/norm.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

struct Case {
  int64_t rows, cols, x_gap, y_gap;
  bool weight, bias, bf16;
  double centre, spread;
  Edge edge;
};

/// The largest error in units of the tolerance below, which it must not pass.
double worst_error(const NormTable& table, const Case& c, uint64_t seed) {
  const int64_t x_stride = c.cols + c.x_gap, y_stride = c.cols + c.y_gap;
  const int64_t x_size = c.rows > 0 ? (c.rows - 1) * x_stride + c.cols : 0;
  const int64_t y_size = c.rows > 0 ? (c.rows - 1) * y_stride + c.cols : 0;
  GuardedBuffer<float> x(x_size, c.edge), weight(c.cols, c.edge), bias(c.cols, c.edge);
  GuardedBuffer<float> y(y_size, c.edge);
  GuardedBuffer<uint16_t> y_bf16(y_size, c.edge);
  Random random(seed);
  random.fill(x, c.centre - c.spread, c.centre + c.spread);
  random.fill(weight, -2, 2);
  random.fill(bias, -1, 1);
  for (float& v : y) v = -77.0f;
  x.make_read_only();
  const float eps = 1e-12f;
  table.layer_norm({c.rows, c.cols, x.data(), x_stride, c.weight ? weight.data() : nullptr,
                    c.bias ? bias.data() : nullptr, eps, y.data(), y_stride,
                    c.bf16 ? y_bf16.data() : nullptr});
  CHECK(y.slack_intact());
  CHECK(y_bf16.slack_intact());

  double worst = 0;
  for (int64_t i = 0; i < c.rows; ++i) {
    const float* row = x.data() + i * x_stride;
    double sum = 0, magnitude = 0, squares = 0;
    for (int64_t j = 0; j < c.cols; ++j) {
      sum += static_cast<double>(row[j]);
      magnitude += std::fabs(static_cast<double>(row[j]));
    }
    const double n = static_cast<double>(c.cols), mean = sum / n;
    for (int64_t j = 0; j < c.cols; ++j) {
      const double d = static_cast<double>(row[j]) - mean;
      squares += d * d;
    }
    const double deviation = std::sqrt(squares / n + static_cast<double>(eps));
    // Per lane at most cols / 8 + 8 additions, then the tree. The mean is off by mean_error; the
    // deviation by that in second order and by its own sum; the rest are single roundings.
    const int64_t chain = c.cols / 8 + 8;
    const double mean_error = sum_tolerance(chain, magnitude) / n;
    const double unit = 0x1p-24;
    const double relative =
        static_cast<double>(chain + 8) * unit + mean_error * mean_error / (deviation * deviation);
    for (int64_t j = 0; j < c.cols; ++j) {
      const double w = c.weight ? static_cast<double>(weight[j]) : 1;
      const double b = c.bias ? static_cast<double>(bias[j]) : 0;
      const double scaled = (static_cast<double>(row[j]) - mean) / deviation * w;
      const double tolerance = std::fabs(scaled) * relative +
                               std::fabs(w) * mean_error / deviation +
                               std::fabs(scaled + b) * unit + 1e-30;
      const float found = y[i * y_stride + j];
      worst = std::max(worst, std::fabs(static_cast<double>(found) - scaled - b) / tolerance);
      if (c.bf16) {
        const float narrow = float_from_bf16(y_bf16[i * y_stride + j]);
        CHECK(std::fabs(narrow - found) <= std::fabs(found) * 0x1p-8f);
      }
    }
    for (int64_t j = c.cols; j < y_stride && i + 1 < c.rows; ++j) {
      CHECK(y[i * y_stride + j] == -77.0f);  // the gap between rows is not written
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("layer_norm of every variant is within its rounding bound of double precision") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    uint64_t seed = 1;
    std::vector<int64_t> sizes;
    for (int64_t cols = 1; cols <= 130; ++cols) sizes.push_back(cols);
    for (int64_t cols : {211, 384, 768, 1021, 1024, 4096, 4099}) sizes.push_back(cols);
    for (int64_t cols : sizes) {
      CAPTURE(cols);
      for (int variant = 0; variant < 8; ++variant) {
        const bool weight = variant & 1, bias = variant & 2, bf16 = variant & 4;
        CAPTURE(seed);
        const Edge edge = seed % 2 == 0 ? Edge::back : Edge::front;
        CHECK(worst_error(table,
                          {3, cols, variant % 3, variant % 5, weight, bias, bf16, 0.25, 2, edge},
                          ++seed) <= 1);
      }
    }
  });
}

TEST_CASE("layer_norm keeps its bound when the mean is a thousand times the deviation") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    for (int64_t cols : {7, 64, 384, 1000}) {
      CAPTURE(cols);
      CHECK(worst_error(table, {2, cols, 0, 0, true, true, false, 1000, 1, Edge::back}, 5) <= 1);
      CHECK(worst_error(table, {2, cols, 0, 0, true, true, false, 1e-20, 1e-22, Edge::back}, 6) <=
            1);
    }
  });
}

TEST_CASE("layer_norm of no rows or no columns writes nothing") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    GuardedBuffer<float> empty(0), x(4), y(4);
    for (float& v : x) v = 1;
    for (float& v : y) v = 3;
    table.layer_norm({0, 4, empty.data(), 4, nullptr, nullptr, 1e-5f, empty.data(), 4, nullptr});
    table.layer_norm({2, 0, x.data(), 2, nullptr, nullptr, 1e-5f, y.data(), 2, nullptr});
    for (float v : y) CHECK(v == 3);
    CHECK(empty.slack_intact());
  });
}

TEST_CASE("layer_norm in place, alone or among other rows gives the same bits") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    for (int64_t cols : {1, 15, 16, 17, 63, 384, 391}) {
      CAPTURE(cols);
      const int64_t rows = 5;
      GuardedBuffer<float> x(rows * cols), y(rows * cols), in_place(rows * cols), alone(cols);
      Random random(42);
      random.fill(x, -3, 3);
      memcpy(in_place.data(), x.data(), sizeof(float) * static_cast<size_t>(rows * cols));
      table.layer_norm(
          {rows, cols, x.data(), cols, nullptr, nullptr, 1e-5f, y.data(), cols, nullptr});
      table.layer_norm({rows, cols, in_place.data(), cols, nullptr, nullptr, 1e-5f, in_place.data(),
                        cols, nullptr});
      for (int64_t i = 0; i < rows; ++i) {
        table.layer_norm({1, cols, x.data() + i * cols, cols, nullptr, nullptr, 1e-5f, alone.data(),
                          cols, nullptr});
        for (int64_t j = 0; j < cols; ++j) {
          CHECK(same_bits(y[i * cols + j], alone[j]));
          CHECK(same_bits(y[i * cols + j], in_place[i * cols + j]));
        }
      }
    }
  });
}

TEST_CASE("layer_norm of a row with a NaN or an infinity is NaN, and the next row is unharmed") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    const int64_t cols = 37;
    for (float poison :
         {float_from_bits(0x7fc00001), float_from_bits(0x7f800000), float_from_bits(0xff800000)}) {
      GuardedBuffer<float> x(2 * cols), y(2 * cols);
      Random random(9);
      random.fill(x, -1, 1);
      x[36] = poison;
      table.layer_norm({2, cols, x.data(), cols, nullptr, nullptr, 1e-5f, y.data(), cols, nullptr});
      for (int64_t j = 0; j < cols; ++j) {
        CHECK(std::isnan(y[j]));
        CHECK(std::isfinite(y[cols + j]));
      }
    }
  });
}

TEST_CASE("layer_norm of a constant row is the bias") {
  for_each_variant(norm_variants(), [](const NormTable& table) {
    for (int64_t cols : {1, 8, 384}) {
      GuardedBuffer<float> x(cols), bias(cols), y(cols);
      for (float& v : x) v = 0.5f;
      for (float& v : bias) v = -1.25f;
      table.layer_norm(
          {1, cols, x.data(), cols, nullptr, bias.data(), 1e-12f, y.data(), cols, nullptr});
      for (float v : y) CHECK(v == -1.25f);
    }
  });
}
