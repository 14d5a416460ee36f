// SPDX-License-Identifier: Apache-2.0
// Row softmax: every variant against double precision; masks, infinities, aliasing.

#include "../../kernels/softmax/softmax.h"

#include <algorithm>
#include <cfloat>
#include <initializer_list>
#include <vector>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

/// Largest error of one run in units of its tolerance.
double worst_error(const SoftmaxTable& table, int64_t rows, int64_t cols, int64_t gap, double range,
                   Edge edge, uint64_t seed) {
  const int64_t stride = cols + gap, size = (rows - 1) * stride + cols;
  GuardedBuffer<float> x(size, edge), y(size, edge);
  Random random(seed);
  random.fill(x, -range, range);
  for (float& v : y) v = -77.0f;
  x.make_read_only();
  table.softmax(x.data(), stride, y.data(), stride, rows, cols);
  CHECK(y.slack_intact());

  double worst = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const float* row = x.data() + i * stride;
    float max = row[0];
    for (int64_t j = 1; j < cols; ++j) max = std::max(max, row[j]);
    double sum = 0;
    for (int64_t j = 0; j < cols; ++j) {
      sum += std::exp(static_cast<double>(row[j]) - static_cast<double>(max));
    }
    for (int64_t j = 0; j < cols; ++j) {
      const double shifted = static_cast<double>(row[j]) - static_cast<double>(max);
      const double exact = std::exp(shifted) / sum;
      // x - max is rounded to half a unit of the difference; exp costs 2 units, its sum those and a
      // chain of cols / 8 + 8 additions, the reciprocal and the product one unit each.
      const double unit = 0x1p-24, chain = static_cast<double>(cols / 8 + 8);
      const double relative = (std::fabs(shifted) + 2 * 2 + chain + 4) * unit;
      const double tolerance = exact * relative + 3 * 0x1p-149;
      const double error = std::fabs(static_cast<double>(y[i * stride + j]) - exact);
      worst = std::max(worst, error / tolerance);
    }
    for (int64_t j = cols; j < stride && i + 1 < rows; ++j) CHECK(y[i * stride + j] == -77.0f);
  }
  return worst;
}

}  // namespace

TEST_CASE("softmax of every variant is within its rounding bound of double precision") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    std::vector<int64_t> sizes;
    for (int64_t cols = 1; cols <= 130; ++cols) sizes.push_back(cols);
    for (int64_t cols : {211, 512, 1021, 4096, 4099}) sizes.push_back(cols);
    uint64_t seed = 100;
    for (int64_t cols : sizes) {
      for (double range : {0.01, 5.0, 60.0}) {
        const Edge edge = ++seed % 2 == 0 ? Edge::back : Edge::front;
        CAPTURE(cols);
        CAPTURE(range);
        CAPTURE(seed);
        CHECK(worst_error(table, 3, cols, cols % 4, range, edge, seed) <= 1);
      }
    }
  });
}

TEST_CASE("softmax of a fully masked row is uniform, of a partly masked one zero at the mask") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    for (int64_t cols : {4, 19, 64}) {
      GuardedBuffer<float> x(2 * cols), y(2 * cols);
      for (float& v : x) v = -FLT_MAX;
      x[cols] = 1.0f;
      table.softmax(x.data(), cols, y.data(), cols, 2, cols);
      for (int64_t j = 0; j < cols; ++j) {
        CHECK(ulps(1 / static_cast<double>(cols), y[j]) <= 1);
        CHECK(y[cols + j] == (j == 0 ? 1.0f : 0.0f));
      }
    }
  });
}

TEST_CASE("softmax gives NaN for a row of -inf, of +inf or with a NaN, and 0 for a single -inf") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    const float inf = float_from_bits(0x7f800000), nan = float_from_bits(0x7fc00000);
    for (int64_t cols : {1, 5, 16, 33, 70}) {
      for (int64_t at : {int64_t{0}, cols / 2, cols - 1}) {
        CAPTURE(cols);
        CAPTURE(at);
        GuardedBuffer<float> x(4 * cols), y(4 * cols);
        for (float& v : x) v = 0.5f;
        for (int64_t j = 0; j < cols; ++j) x[j] = -inf;
        x[cols + at] = inf;
        x[2 * cols + at] = nan;
        x[3 * cols + at] = -inf;
        table.softmax(x.data(), cols, y.data(), cols, 4, cols);
        for (int64_t j = 0; j < cols; ++j) {
          CHECK(std::isnan(y[j]));
          CHECK((std::isnan(y[cols + j]) || y[cols + j] == 0.0f));
          CHECK(std::isnan(y[2 * cols + j]));
        }
        CHECK(std::isnan(y[cols + at]));
        if (cols > 1) CHECK(y[3 * cols + at] == 0.0f);
      }
    }
  });
}

TEST_CASE("softmax in place and alone gives the same bits, and no columns write nothing") {
  for_each_variant(softmax_variants(), [](const SoftmaxTable& table) {
    for (int64_t cols : {1, 15, 16, 17, 100, 129}) {
      GuardedBuffer<float> x(3 * cols), y(3 * cols), alone(cols);
      Random random(7);
      random.fill(x, -4, 4);
      table.softmax(x.data(), cols, y.data(), cols, 3, cols);
      table.softmax(x.data() + cols, cols, alone.data(), cols, 1, cols);
      table.softmax(x.data(), cols, x.data(), cols, 3, cols);
      for (int64_t j = 0; j < 3 * cols; ++j) CHECK(same_bits(x[j], y[j]));
      for (int64_t j = 0; j < cols; ++j) CHECK(same_bits(alone[j], y[cols + j]));
    }
    GuardedBuffer<float> empty(0);
    table.softmax(empty.data(), 0, empty.data(), 0, 3, 0);
    CHECK(empty.slack_intact());
  });
}
