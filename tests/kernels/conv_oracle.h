// SPDX-License-Identifier: Apache-2.0
// What conv.h promises, for its tests: the definition in double precision with the bound of the
// error, and the order of every sum, rounding by rounding.
#pragma once

#include "act_exact.h"
#include "conv_case.h"

namespace tern::test::conv {

constexpr double kRoundF32 = 0x1p-24;

/// Groups of few channels under a kernel three wide, whose chain is kh, i, kw.
inline bool is_rows_first(const ConvShape& s, const ConvTable& t) {
  const int64_t in = s.in_c / s.groups, out = s.out_c / s.groups;
  const bool few = (in == out && (in == 4 || in == 8)) || (in == 16 && out >= 1 && out <= 16);
  return t.isa == Isa::avx512 && s.groups > 1 && few && s.kernel_w == 3 && s.stride_w <= 2 &&
         s.dilation_w == 1;
}

inline bool is_winograd(const ConvShape& s, const ConvTable& t) {
  const int64_t in = s.in_c / s.groups, out = s.out_c / s.groups;
  const int64_t tiles = (s.out_h + 1) / 2 * ((s.out_w + 1) / 2);
  const bool window = s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 &&
                      s.dilation_h == 1 && s.dilation_w == 1 && !s.planar;
  const bool channels = (s.groups > 1 && in == 8 && out == 8) || (in >= 16 && out >= 16);
  return t.isa == Isa::avx512 && window && channels && tiles >= 16 &&
         s.out_h * s.out_w >= 3 * tiles;
}

/// The 4x4 places of Winograd's transforms under output (row, column), for one channel: Bt d B and
/// G w Gt as the kernel rounds them, and with every term's magnitude instead (T = double).
template <class T>
struct Places {
  T d[4][4], w[4][4];
};

template <class T>
Places<T> winograd_places(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o,
                          int64_t i) {
  constexpr bool kMagnitude = sizeof(T) == 8;
  const auto minus = [](T a, T b) { return kMagnitude ? a + b : a - b; };
  const auto sign = [](float v) { return static_cast<T>(kMagnitude ? std::fabs(v) : v); };
  const int64_t first = o / (c.s.out_c / c.s.groups) * c.channels();
  T d[4][4], g[3][3], rows[4][4], taps[4][3];
  for (int64_t y = 0; y < 4; y++) {
    for (int64_t x = 0; x < 4; x++) {
      const int64_t at_y = row / 2 * 2 - c.s.pad_top + y, at_x = column / 2 * 2 - c.s.pad_left + x;
      const bool inside = at_y >= 0 && at_y < c.s.in_h && at_x >= 0 && at_x < c.s.in_w;
      d[y][x] = inside ? sign(x_at(c, at_y, at_x, first + i)) : 0;
      if (y < 3 && x < 3) g[y][x] = sign(w_at(c, t, o, i, y, x));
    }
  }
  Places<T> p;
  for (int k = 0; k < 4; k++) {  // along columns, then along rows
    rows[0][k] = minus(d[0][k], d[2][k]);
    rows[1][k] = d[1][k] + d[2][k];
    rows[2][k] = minus(d[2][k], d[1][k]);
    rows[3][k] = minus(d[1][k], d[3][k]);
    if (k == 3) continue;
    taps[0][k] = g[0][k];
    taps[1][k] = T{0.5} * ((g[0][k] + g[2][k]) + g[1][k]);
    taps[2][k] = T{0.5} * minus(g[0][k] + g[2][k], g[1][k]);
    taps[3][k] = g[2][k];
  }
  for (int k = 0; k < 4; k++) {
    p.d[k][0] = minus(rows[k][0], rows[k][2]);
    p.d[k][1] = rows[k][1] + rows[k][2];
    p.d[k][2] = minus(rows[k][2], rows[k][1]);
    p.d[k][3] = minus(rows[k][1], rows[k][3]);
    p.w[k][0] = taps[k][0];
    p.w[k][1] = T{0.5} * ((taps[k][0] + taps[k][2]) + taps[k][1]);
    p.w[k][2] = T{0.5} * minus(taps[k][0] + taps[k][2], taps[k][1]);
    p.w[k][3] = taps[k][2];
  }
  return p;
}

/// A term passes two roundings of d, four of w, one per channel of the chain and four of the
/// result.
inline double winograd_tolerance(const Case& c, const ConvTable& t, int64_t row, int64_t column,
                                 int64_t o) {
  double magnitude = 0;
  for (int64_t i = 0; i < c.channels(); i++) {
    const Places<double> p = winograd_places<double>(c, t, row, column, o, i);
    for (int64_t y = row % 2; y < row % 2 + 3; y++) {
      for (int64_t x = column % 2; x < column % 2 + 3; x++) magnitude += p.d[y][x] * p.w[y][x];
    }
  }
  return sum_tolerance(c.channels() + 10, magnitude);
}

struct Exact {
  double value, tolerance;
};

inline Exact exact(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o) {
  const ConvShape& s = c.s;
  const int64_t first = o / (s.out_c / s.groups) * c.channels();
  double sum = 0, magnitude = 0;
  int64_t y, x;
  for (int64_t kh = 0; kh < s.kernel_h; kh++) {
    for (int64_t kw = 0; kw < s.kernel_w; kw++) {
      if (!tap(s, row, column, kh, kw, y, x)) continue;
      for (int64_t i = 0; i < c.channels(); i++) {
        const double product = static_cast<double>(x_at(c, y, x, first + i)) *
                               static_cast<double>(w_at(c, t, o, i, kh, kw));
        sum += product;
        magnitude += std::fabs(product);
      }
    }
  }
  double tolerance = sum_tolerance(s.kernel_h * s.kernel_w * c.channels(), magnitude);
  if (is_winograd(c.s, t)) tolerance = winograd_tolerance(c, t, row, column, o);
  const size_t at = static_cast<size_t>((row * s.out_w + column) * s.out_c + o);
  const auto add = [&](double term) {
    sum += term;
    tolerance += 2 * kRoundF32 * (std::fabs(sum) + tolerance);
  };
  if (c.bias) add(static_cast<double>(c.b[static_cast<size_t>(o)]));
  if (c.residual && c.residual_first) add(static_cast<double>(c.r[at]));
  if (c.act != Act::none) {
    // The slope of gelu and silu is below 1.13; kernels/simd promises 5.5 units of the last place
    // and, far below zero, 2e-11 · |x|.
    tolerance = 1.13 * tolerance + 2e-11 * std::fabs(sum);
    sum = act_exact(c.act, sum);
    tolerance += 12 * kRoundF32 * std::fabs(sum);
  }
  if (c.residual && !c.residual_first) add(static_cast<double>(c.r[at]));
  if (c.y_format == Format::bf16) tolerance += 0x1p-8 * (std::fabs(sum) + tolerance);
  return {sum, tolerance};
}

// Is every element of the whole result within the tolerance of its definition? The first that is
// not fails the test.
inline bool agrees(Buffers& at, const Case& c, const ConvTable& t) {
  const std::vector<float> y = Bench(at, c, t).run(whole(c, t));
  for (int64_t i = 0; i < c.outputs(); i++) {
    const int64_t pixel = i / c.s.out_c;
    const Exact e = exact(c, t, pixel / c.s.out_w, pixel % c.s.out_w, i % c.s.out_c);
    const double found = static_cast<double>(y[static_cast<size_t>(i)]);
    if (std::fabs(found - e.value) <= e.tolerance) continue;
    const std::string shape = described(c.s);
    FAIL_CHECK(shape << " element " << i << " is " << found << ", expected " << e.value
                     << " within " << e.tolerance);
    return false;
  }
  return true;
}

/// The chains of conv.h: kh kw i; planar i kh kw; kh i kw.
inline float chain(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o) {
  const ConvShape& s = c.s;
  const int64_t channels = c.channels(), first = o / (s.out_c / s.groups) * channels;
  const int64_t taps = s.kernel_h * s.kernel_w;
  const bool planar = s.planar && s.dilation_w == 1, rows_first = is_rows_first(s, t);
  float sum = 0;
  int64_t y, x;
  for (int64_t k = 0; k < taps * channels; k++) {
    const int64_t i = planar ? k / taps : rows_first ? k / s.kernel_w % channels : k % channels;
    const int64_t kh = planar ? k / s.kernel_w % s.kernel_h : k / channels / s.kernel_w;
    const int64_t kw = planar || rows_first ? k % s.kernel_w : k / channels % s.kernel_w;
    if (!tap(s, row, column, kh, kw, y, x)) continue;
    sum = std::fma(x_at(c, y, x, first + i), w_at(c, t, o, i, kh, kw), sum);
  }
  return sum + 0.0f;
}

inline float winograd(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o) {
  float m[4][4] = {};
  for (int64_t i = 0; i < c.channels(); i++) {
    const Places<float> p = winograd_places<float>(c, t, row, column, o, i);
    for (int y = 0; y < 4; y++) {
      for (int x = 0; x < 4; x++) m[y][x] = std::fma(p.d[y][x], p.w[y][x], m[y][x]);
    }
  }
  const auto out = [](bool odd, float a, float b, float e, float f) {
    return odd ? (b - e) - f : (a + b) + e;
  };
  float a[4];
  for (int x = 0; x < 4; x++) a[x] = out(row % 2, m[0][x], m[1][x], m[2][x], m[3][x]);
  return out(column % 2, a[0], a[1], a[2], a[3]) + 0.0f;
}

/// Elements of y, without bias, residual and activation, that are not what conv.h says bit by bit.
inline int64_t off_order(const Case& c, const ConvTable& t, const std::vector<float>& y) {
  const bool is = is_winograd(c.s, t);
  int64_t wrong = 0;
  for (int64_t i = 0; i < c.outputs(); i++) {
    const int64_t pixel = i / c.s.out_c, row = pixel / c.s.out_w, column = pixel % c.s.out_w;
    float expected = is ? winograd(c, t, row, column, i % c.s.out_c) : 0;
    if (!is || !std::isfinite(expected)) expected = chain(c, t, row, column, i % c.s.out_c);
    wrong += !same_bits(y[static_cast<size_t>(i)], expected);
  }
  return wrong;
}

/// Has a random rectangle the bits of the whole, and is nothing written outside it?
inline bool keeps_rectangles(Buffers& at, const Case& c, const ConvTable& t, Random& rng) {
  Bench bench(at, c, t);
  const Rect all = whole(c, t);
  const std::vector<float> y = bench.run(all);
  const Rect q = draw_rect(rng, all);
  const std::vector<float> part = bench.run(q);
  std::vector<float> before(y.size(), bench.get_untouched());
  if (c.residual && c.alias) before = c.r;
  int64_t wrong = 0;
  for (int64_t i = 0; i < c.outputs(); i++) {
    const size_t k = static_cast<size_t>(i);
    const int64_t row = i / c.s.out_c / c.s.out_w, column = i / c.s.out_c % c.s.out_w;
    const bool inside = row >= q.r0 && row < q.r1 && column >= q.c0 && column < q.c1;
    const bool computed = same_bits(part[k], y[k]), kept = same_bits(part[k], before[k]);
    if (!computed && !kept) wrong++;
    if (!inside && !kept) wrong++;
    if (inside && !computed && q.p0 == 0 && q.p1 == all.p1) wrong++;
  }
  const std::string shape = described(c.s);
  if (wrong > 0) FAIL_CHECK(shape << ": " << wrong << " elements");
  return wrong == 0;
}

/// Is each element, before the epilogue, what conv.h says bit by bit? Values of x are drawn by
/// `draw`.
template <class Draw>
bool keeps_order(Buffers& at, Case c, const ConvTable& t, Draw draw) {
  c.bias = c.residual = false;
  c.act = Act::none;
  c.y_format = Format::f32;
  for (float& f : c.x) f = draw();
  for (float& f : c.w) {
    f = draw();
    if (!std::isfinite(f)) f = -0x1p-140f;
  }
  const std::vector<float> y = Bench(at, c, t).run(whole(c, t));
  const int64_t wrong = off_order(c, t, y);
  const std::string shape = described(c.s);
  if (wrong > 0) FAIL_CHECK(shape << ": " << wrong << " elements");
  return wrong == 0;
}

/// Does each panel alone write its channels, with the bits of the whole?
inline bool panels_make_the_whole(Buffers& at, Case c, const ConvTable& t) {
  c.alias = c.residual = false;
  Bench bench(at, c, t);
  const Rect all = whole(c, t);
  const std::vector<float> y = bench.run(all);
  std::vector<int> times(y.size());
  bool same = true;
  for (int64_t panel = 0; panel < all.p1; panel++) {
    const std::vector<float> part = bench.run({all.r0, all.r1, all.c0, all.c1, panel, panel + 1});
    for (size_t i = 0; i < y.size(); i++) {
      const bool written = !same_bits(part[i], bench.get_untouched());
      times[i] += written;
      same = same && (!written || same_bits(part[i], y[i]));
    }
  }
  return same && std::all_of(times.begin(), times.end(), [](int k) { return k == 1; });
}

}  // namespace tern::test::conv
