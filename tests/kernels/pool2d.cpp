// SPDX-License-Identifier: Apache-2.0
// Every registered variant of pool2d against a double-precision definition; buffers lie between
// forbidden pages, what lies between their pixels is NaN.
#include "../../kernels/pool2d/pool2d.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

constexpr int64_t kElements = 1 << 18;
constexpr float kUntouched = 12345.0f;

int64_t pick(Random& rng, int64_t low, int64_t high) {
  return low + rng.below(high - low + 1);
}

Pool2dArgs draw(Random& rng) {
  Pool2dArgs a = {};
  a.in_h = pick(rng, 0, 7);
  a.in_w = pick(rng, 0, 9);
  a.channels = rng.below(4) == 0 ? pick(rng, 0, 140) : pick(rng, 0, 40);
  a.kernel_h = pick(rng, 1, 4);
  a.kernel_w = pick(rng, 1, 4);
  a.stride_h = pick(rng, 1, 3);
  a.stride_w = pick(rng, 1, 3);
  a.pad_top = pick(rng, 0, 2);
  a.pad_left = pick(rng, 0, 2);
  a.pad_bottom = pick(rng, 0, 2);
  a.pad_right = pick(rng, 0, 2);
  a.count_include_pad = rng.below(2) == 0;
  a.mode = static_cast<Pool2dMode>(rng.below(3));
  const auto out = [&](int64_t in, int64_t pads, int64_t kernel, int64_t stride) {
    if (a.mode == Pool2dMode::adaptive) return in == 0 ? 0 : pick(rng, 0, 8);
    const int64_t span = in + pads - kernel;
    // One more now and then, as ceil_mode asks for; its window still begins in the padded image.
    return span < 0 ? 0 : (span + (rng.below(3) == 0 ? stride - 1 : 0)) / stride + 1;
  };
  a.out_h = out(a.in_h, a.pad_top + a.pad_bottom, a.kernel_h, a.stride_h);
  a.out_w = out(a.in_w, a.pad_left + a.pad_right, a.kernel_w, a.stride_w);
  a.x_pixel = a.channels + rng.below(3);
  a.x_row = a.in_w * a.x_pixel + rng.below(3);
  a.y_pixel = a.channels + rng.below(3);
  a.y_row = a.out_w * a.y_pixel + rng.below(3);
  a.row_end = a.out_h;
  return a;
}

struct Span1 {
  int64_t begin, end, positions;
};

// The window of one dimension, straight from torch's formulas.
Span1 span_of(int64_t i, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad,
              int64_t pad_end, bool adaptive) {
  if (adaptive) {
    const int64_t begin = i * in / out;
    const int64_t end = static_cast<int64_t>(
        std::ceil(static_cast<double>((i + 1) * in) / static_cast<double>(out)));
    return {begin, end, end - begin};
  }
  int64_t begin = i * stride - pad, end = std::min(begin + kernel, in + pad_end);
  const int64_t positions = end - begin;
  begin = std::max<int64_t>(begin, 0);
  end = std::min(end, in);
  return {begin, std::max(begin, end), positions};
}

struct Exact {
  double value, tolerance;
};

Exact exact(const Pool2dArgs& a, int64_t r, int64_t q, int64_t i) {
  const bool adaptive = a.mode == Pool2dMode::adaptive;
  const Span1 v = span_of(r, a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_top, a.pad_bottom, adaptive);
  const Span1 h = span_of(q, a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_left, a.pad_right, adaptive);
  double sum = 0, magnitude = 0, best = -std::numeric_limits<double>::infinity();
  int64_t count = 0;
  for (int64_t y = v.begin; y < v.end; y++) {
    for (int64_t x = h.begin; x < h.end; x++, count++) {
      const double value = static_cast<double>(a.x[y * a.x_row + x * a.x_pixel + i]);
      sum += value;
      magnitude += std::fabs(value);
      if (!(value <= best)) best = std::isnan(best) ? best : value;
    }
  }
  if (a.mode == Pool2dMode::max) return {best, 0};
  const int64_t positions = a.count_include_pad && !adaptive ? v.positions * h.positions : count;
  if (positions <= 0) return {0, 0};
  const double n = static_cast<double>(positions);
  const double tolerance = sum_tolerance(count, magnitude) / n + 2 * float_unit(sum / n);
  return {sum / n, tolerance};
}

bool agrees(const Exact& e, float found) {
  if (std::isnan(e.value) || std::isinf(e.value)) return same_bits(static_cast<float>(e.value), found);
  return std::fabs(static_cast<double>(found) - e.value) <= e.tolerance;
}

}  // namespace

TEST_CASE("pool2d: random windows agree with the definition, rectangles with the whole") {
  Random rng(5);
  GuardedBuffer<float> x(kElements), y(kElements);
  for (int64_t n = 0; n < 100000; n++) {
    Pool2dArgs a = draw(rng);
    const int64_t x_size =
        a.in_h * a.in_w * a.channels == 0
            ? 0
            : (a.in_h - 1) * a.x_row + (a.in_w - 1) * a.x_pixel + a.channels;
    const int64_t y_size =
        a.out_h * a.out_w * a.channels == 0
            ? 0
            : (a.out_h - 1) * a.y_row + (a.out_w - 1) * a.y_pixel + a.channels;
    const bool front = rng.below(2) == 0;
    float* from = front ? x.data() : x.data() + kElements - x_size;
    a.y = front ? y.data() : y.data() + kElements - y_size;
    a.x = from;
    for (int64_t i = 0; i < x_size; i++) {
      const bool inside = i % a.x_row < a.in_w * a.x_pixel && i % a.x_row % a.x_pixel < a.channels;
      const int64_t special = rng.below(300);
      from[i] = static_cast<float>(rng.uniform(-1, 1));
      if (special == 0) from[i] = 0x1p-140f;
      if (special == 1) from[i] = std::numeric_limits<float>::infinity();
      if (!inside || special == 2) from[i] = std::numeric_limits<float>::quiet_NaN();
    }
    for_each_variant(pool2d_variants(), [&](const Pool2dTable& t) {
      std::fill(a.y, a.y + y_size, kUntouched);
      // The rows in two calls; the second call's are checked for having been left alone first.
      const int64_t cut = a.out_h == 0 ? 0 : rng.below(a.out_h + 1);
      Pool2dArgs part = a;
      part.row_end = cut;
      t.run(part);
      int64_t wrong = 0;
      for (int64_t i = cut * a.y_row; i < y_size; i++) wrong += a.y[i] != kUntouched;
      part.row_begin = cut;
      part.row_end = a.out_h;
      t.run(part);
      for (int64_t i = 0; i < y_size; i++) {
        const int64_t r = i / a.y_row, q = i % a.y_row / a.y_pixel, c = i % a.y_row % a.y_pixel;
        if (q < a.out_w && c < a.channels) {
          wrong += !agrees(exact(a, r, q, c), a.y[i]);
        } else {
          wrong += a.y[i] != kUntouched;
        }
      }
      if (wrong > 0) FAIL(t.name << " case " << n << ": " << wrong << " elements are wrong");
    });
  }
}

TEST_CASE("pool2d: all variants have the bits of the definition") {
  Random rng(6);
  std::vector<float> x(7 * 9 * 150), expected(20 * 20 * 150), found(20 * 20 * 150);
  for (float& v : x) v = rng.below(20) == 0 ? -0.0f : static_cast<float>(rng.uniform(-1, 1));
  for (int64_t n = 0; n < 2000; n++) {
    Pool2dArgs a = draw(rng);
    a.x_pixel = a.y_pixel = a.channels;
    a.x_row = a.in_w * a.channels;
    a.y_row = a.out_w * a.channels;
    a.x = x.data();
    a.y = expected.data();
    pool2d_variants().best(Isa::generic).run(a);
    a.y = found.data();
    for_each_variant(pool2d_variants(), [&](const Pool2dTable& t) {
      t.run(a);
      int64_t wrong = 0;
      for (int64_t i = 0; i < a.out_h * a.y_row; i++) {
        wrong += !same_bits(found[static_cast<size_t>(i)], expected[static_cast<size_t>(i)]);
      }
      CHECK(wrong == 0);
    });
  }
}
