// SPDX-License-Identifier: Apache-2.0
// Every registered variant of conv that this CPU can run, against a double-precision oracle, against
// its documented chain and, rectangle by rectangle, against itself. Buffers lie between pages that
// must not be touched; what lies between their rows and pixels is NaN and must not be read.
#include "../../kernels/conv/conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

constexpr double kRoundF32 = 0x1p-24;
constexpr int64_t kBytes = 1 << 20;  // of every buffer; each case takes one end of it

// A buffer that is used from either end, so that what is next to the case is a forbidden page.
struct Ends {
  GuardedBuffer<char> buffer{kBytes};

  // `align` bytes is a power of two; of the front, the address is the page's beginning.
  char* take(int64_t bytes, bool front, int64_t align) {
    REQUIRE(bytes <= kBytes);
    if (front) return buffer.data();
    return buffer.data() + (kBytes - bytes) / align * align;
  }
};

struct Buffers {
  Ends x, w, packed, y, bias, residual, scratch, scale;
};

float bf16_round(float f) {
  const uint32_t u = bits_from_float(f);
  if (std::isnan(f)) return f;
  return float_from_bits((u + 0x7fff + ((u >> 16) & 1)) >> 16 << 16);
}
uint16_t bf16_bits(float f) {
  return static_cast<uint16_t>(bits_from_float(bf16_round(f)) >> 16);
}

double act_exact(Act act, double x) {
  switch (act) {
    case Act::gelu:
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Act::relu:
      return x > 0 || std::isnan(x) ? x : 0;
    case Act::silu:
      return x / (1 + std::exp(-x));
    default:
      return x;
  }
}

struct Case {
  ConvShape s = {};
  int64_t x_gap = 0, row_gap = 0, y_gap = 0;  // elements between pixels and rows
  bool bias = false, residual = false, residual_first = false, alias = false, scale = false;
  bool front = false;
  Act act = Act::none;
  Format y_format = Format::f32;
  std::vector<float> x, w, b, r, factor;  // x [h, w, c] and r [out_h, out_w, out_c] whatever the layout

  int64_t channels() const { return s.in_c / s.groups; }
  int64_t outputs() const { return s.out_h * s.out_w * s.out_c; }
};

// Input row and column of a tap; false outside the image.
bool tap(const ConvShape& s, int64_t row, int64_t column, int64_t kh, int64_t kw, int64_t& y,
         int64_t& x) {
  y = row * s.stride_h - s.pad_top + kh * s.dilation_h;
  x = column * s.stride_w - s.pad_left + kw * s.dilation_w;
  return y >= 0 && y < s.in_h && x >= 0 && x < s.in_w;
}

float x_at(const Case& c, int64_t y, int64_t x, int64_t i) {
  return c.x[static_cast<size_t>((y * c.s.in_w + x) * c.s.in_c + i)];
}

// The weight as the table multiplies it.
float w_at(const Case& c, const ConvTable& t, int64_t o, int64_t i, int64_t kh, int64_t kw) {
  const ConvShape& s = c.s;
  const int64_t at = ((o * c.channels() + i) * s.kernel_h + kh) * s.kernel_w + kw;
  float w = c.w[static_cast<size_t>(at)];
  if (c.scale) w *= c.factor[static_cast<size_t>(o)];
  return t.x_format == Format::bf16 ? bf16_round(w) : w;
}

struct Exact {
  double value, tolerance;
};

Exact exact(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o) {
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

struct Rect {
  int64_t r0, r1, c0, c1, p0, p1;
};

Rect whole(const Case& c, const ConvTable& t) {
  return {0, c.s.out_h, 0, c.s.out_w, 0, t.panels(c.s)};
}

constexpr float kUntouched = 12345.0f;

// The case in memory. run() gives y [out_h, out_w, out_c] as f32, kUntouched outside the rectangle,
// and checks that nothing else was written.
class Bench {
 public:
  Bench(Buffers& at, const Case& c, const ConvTable& t) : at_(at), c_(c), t_(t) {
    place_x();
    place_weights();
    const ConvShape& s = c.s;
    if (c.bias) {
      bias_ = reinterpret_cast<float*>(at.bias.take(s.out_c * 4, c.front, 4));
      std::copy(c.b.begin(), c.b.end(), bias_);
    }
    y_pixel_ = s.out_c + c.y_gap;
    y_row_ = s.out_w * y_pixel_ + c.row_gap;
    extent_ = c.outputs() == 0 ? 0 : (s.out_h - 1) * y_row_ + (s.out_w - 1) * y_pixel_ + s.out_c;
    scratch_ = at.scratch.take(static_cast<int64_t>(t.scratch_bytes(s)), c.front, 64);
  }

  std::vector<float> run(const Rect& q) {
    const ConvShape& s = c_.s;
    const int64_t element = c_.y_format == Format::f32 ? 4 : 2;
    y_ = at_.y.take(extent_ * element, c_.front, element);
    for (int64_t i = 0; i < extent_; i++) put(i, kUntouched);
    float* residual = nullptr;
    if (c_.residual) {
      residual = c_.alias ? reinterpret_cast<float*>(y_)
                          : reinterpret_cast<float*>(at_.residual.take(extent_ * 4, c_.front, 4));
      each([&](int64_t i, int64_t at) { residual[at] = c_.r[static_cast<size_t>(i)]; });
    }
    t_.run({&s, x_, x_row_, x_pixel_, x_channel_, packed_, y_, c_.y_format, y_row_, y_pixel_, bias_,
            residual, y_row_, y_pixel_, c_.act, c_.residual_first, scratch_, q.r0, q.r1, q.c0, q.c1,
            q.p0, q.p1});
    std::vector<float> y(static_cast<size_t>(c_.outputs()));
    std::vector<bool> element_of(static_cast<size_t>(extent_));
    each([&](int64_t i, int64_t at) {
      y[static_cast<size_t>(i)] = get(at);
      element_of[static_cast<size_t>(at)] = true;
    });
    bool gaps_kept = true;
    for (int64_t i = 0; i < extent_; i++) {
      gaps_kept = gaps_kept && (element_of[static_cast<size_t>(i)] || get(i) == get_untouched());
    }
    CHECK(gaps_kept);
    return y;
  }

  float get_untouched() const {
    return c_.y_format == Format::f32 ? kUntouched : bf16_round(kUntouched);
  }

 private:
  void place_x() {
    const ConvShape& s = c_.s;
    x_pixel_ = s.planar ? 1 : s.in_c + c_.x_gap;
    x_row_ = s.in_w * x_pixel_ + c_.row_gap;
    x_channel_ = s.planar ? s.in_h * x_row_ + c_.x_gap : 1;
    const bool any = s.in_h > 0 && s.in_w > 0 && s.in_c > 0;
    const int64_t count =
        any ? (s.in_h - 1) * x_row_ + (s.in_w - 1) * x_pixel_ + (s.in_c - 1) * x_channel_ + 1 : 0;
    const int64_t element = t_.x_format == Format::f32 ? 4 : 2;
    x_ = at_.x.take(count * element, c_.front, element);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (int64_t i = 0; i < count; i++) put_x(i, nan);
    for (int64_t i = 0; i < static_cast<int64_t>(c_.x.size()); i++) {
      const int64_t channel = i % s.in_c, pixel = i / s.in_c;
      put_x(pixel / s.in_w * x_row_ + pixel % s.in_w * x_pixel_ + channel * x_channel_,
            c_.x[static_cast<size_t>(i)]);
    }
  }
  void put_x(int64_t i, float value) {
    if (t_.x_format == Format::f32) reinterpret_cast<float*>(x_)[i] = value;
    if (t_.x_format == Format::bf16) reinterpret_cast<uint16_t*>(x_)[i] = bf16_bits(value);
  }
  void place_weights() {
    const ConvShape& s = c_.s;
    const auto floats = [&](Ends& at, const std::vector<float>& values) {
      float* p = reinterpret_cast<float*>(
          at.take(static_cast<int64_t>(values.size()) * 4, c_.front, 4));
      std::copy(values.begin(), values.end(), p);
      return p;
    };
    const float* w = floats(at_.w, c_.w);
    const float* scale = c_.scale ? floats(at_.scale, c_.factor) : nullptr;
    packed_ = at_.packed.take(static_cast<int64_t>(t_.packed_bytes(s) + 63) / 64 * 64, c_.front, 64);
    for (int64_t i = t_.panels(s); i-- > 0;) {
      t_.pack({&s, w, Format::f32, scale, packed_, i, i + 1});
    }
  }
  template <class F>
  void each(F f) const {  // f(index in y, address)
    for (int64_t i = 0; i < c_.outputs(); i++) {
      const int64_t pixel = i / c_.s.out_c;
      f(i, pixel / c_.s.out_w * y_row_ + pixel % c_.s.out_w * y_pixel_ + i % c_.s.out_c);
    }
  }
  void put(int64_t i, float value) {
    if (c_.y_format == Format::f32) reinterpret_cast<float*>(y_)[i] = value;
    if (c_.y_format == Format::bf16) reinterpret_cast<uint16_t*>(y_)[i] = bf16_bits(value);
  }
  float get(int64_t i) const {
    return c_.y_format == Format::f32 ? reinterpret_cast<const float*>(y_)[i]
                                      : float_from_bf16(reinterpret_cast<const uint16_t*>(y_)[i]);
  }

  Buffers& at_;
  const Case& c_;
  const ConvTable& t_;
  char *x_ = nullptr, *packed_ = nullptr, *y_ = nullptr, *scratch_ = nullptr;
  float* bias_ = nullptr;
  int64_t x_row_ = 0, x_pixel_ = 0, x_channel_ = 0, y_row_ = 0, y_pixel_ = 0, extent_ = 0;
};

std::vector<const ConvTable*> runnable() {
  std::vector<const ConvTable*> all;
  for (Format format : {Format::f32, Format::bf16}) {
    for (const ConvTable* t : conv_variants(format)) {
      if (runs_at(*t, hardware_isa())) all.push_back(t);
    }
  }
  return all;
}

int64_t pick(Random& rng, int64_t low, int64_t high) {
  return low + rng.below(high - low + 1);
}

// Channels: dense, grouped (also by numbers that fill no vector), or depthwise.
void draw_channels(Random& rng, ConvShape& s) {
  s.groups = 1;
  s.in_c = pick(rng, 0, 20);
  s.out_c = pick(rng, 0, rng.below(4) == 0 ? 70 : 24);
  const int64_t kind = rng.below(4);
  if (kind == 0) s.planar = true;
  if (kind == 0) s.in_c = pick(rng, 1, 4);
  if (kind == 2) {
    const int64_t sizes[] = {1, 2, 3, 4, 8, 16, 5, 17};
    const int64_t each = sizes[rng.below(8)];
    s.groups = pick(rng, 1, 40 / each);
    s.in_c = s.groups * each;
    s.out_c = rng.below(4) == 0 ? s.groups * pick(rng, 1, 3) : s.in_c;
  }
  if (kind == 3) s.groups = s.in_c = s.out_c = pick(rng, 1, 40);
}

ConvShape draw_shape(Random& rng, bool wide) {
  ConvShape s = {};
  draw_channels(rng, s);
  const bool one_dimension = rng.below(3) == 0;
  s.in_h = one_dimension ? 1 : pick(rng, 0, 6);
  s.in_w = pick(rng, 0, one_dimension ? 34 : 18);
  if (wide && s.in_c > 0) {  // often several blocks
    s.in_h = pick(rng, 1, 40);
    s.in_w = pick(rng, 1, 60);
  }
  s.kernel_h = one_dimension ? 1 : pick(rng, 1, 3);
  s.kernel_w = rng.below(8) == 0 ? pick(rng, 1, 36) : pick(rng, 1, 7);
  s.stride_h = pick(rng, 1, 2);
  s.stride_w = pick(rng, 1, 3);
  s.dilation_h = pick(rng, 1, 2);
  s.dilation_w = rng.below(4) == 0 ? pick(rng, 1, 3) : 1;
  s.pad_top = rng.below(3) == 0 ? 0 : pick(rng, 0, 3);
  s.pad_left = rng.below(3) == 0 ? 0 : pick(rng, 0, s.kernel_w);
  if (rng.below(6) == 0) {
    s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = 1;
    if (rng.below(2) == 0) s.pad_top = s.pad_left = 0;
  }
  const auto out = [&](int64_t in, int64_t pad, int64_t k, int64_t stride, int64_t dilation) {
    const int64_t span = in + 2 * pad - (k - 1) * dilation - 1;
    return std::max<int64_t>(span < 0 ? 0 : span / stride + 1, 0) + (rng.below(8) == 0 ? 1 : 0);
  };
  s.out_h = out(s.in_h, s.pad_top, s.kernel_h, s.stride_h, s.dilation_h);
  s.out_w = out(s.in_w, s.pad_left, s.kernel_w, s.stride_w, s.dilation_w);
  return s;
}

int64_t products(const ConvShape& s) {
  return s.out_h * s.out_w * s.out_c * (s.in_c / s.groups) * s.kernel_h * s.kernel_w;
}

template <class Draw>
void fill(std::vector<float>& v, int64_t count, Draw draw) {
  v.resize(static_cast<size_t>(count));
  for (float& f : v) f = draw();
}

Case case_of(Random& rng, const ConvShape& s) {
  Case c;
  c.s = s;
  if (rng.below(2) == 0) c.x_gap = pick(rng, 0, 3);
  if (rng.below(2) == 0) c.row_gap = pick(rng, 0, 3);
  if (rng.below(2) == 0) c.y_gap = pick(rng, 0, 3);
  c.bias = rng.below(2) == 0;
  c.residual = rng.below(3) == 0;
  c.residual_first = rng.below(2) == 0;
  c.scale = rng.below(3) == 0;
  c.front = rng.below(2) == 0;
  const Act acts[] = {Act::none, Act::none, Act::relu, Act::gelu, Act::silu};
  c.act = acts[rng.below(5)];
  c.y_format = rng.below(4) == 0 ? Format::bf16 : Format::f32;
  c.alias = c.y_format == Format::f32 && rng.below(2) == 0;
  const auto value = [&] { return bf16_round(static_cast<float>(rng.uniform(-1, 1))); };
  const auto fine = [&] { return static_cast<float>(rng.uniform(-1, 1)); };
  fill(c.x, s.in_h * s.in_w * s.in_c, value);
  fill(c.w, s.out_c * c.channels() * s.kernel_h * s.kernel_w, fine);
  fill(c.b, s.out_c, fine);
  fill(c.factor, s.out_c, fine);
  fill(c.r, c.outputs(), fine);
  return c;
}

Case draw_case(Random& rng, int64_t most_products) {
  ConvShape s;
  do {
    s = draw_shape(rng, most_products > 4000 && rng.below(2) == 0);
  } while (products(s) > most_products);
  return case_of(rng, s);
}

Rect draw_rect(Random& rng, const Rect& all) {
  const auto range = [&](int64_t n, int64_t& begin, int64_t& end) {
    begin = pick(rng, 0, n);
    end = pick(rng, begin, n);
  };
  Rect q;
  range(all.r1, q.r0, q.r1);
  range(all.c1, q.c0, q.c1);
  range(all.p1, q.p0, q.p1);
  return q;
}

std::string described(const ConvShape& s) {
  const int64_t fields[] = {s.in_h,     s.in_w,     s.in_c,    s.out_h,      s.out_w,      s.out_c,
                            s.kernel_h, s.kernel_w, s.stride_h, s.stride_w,  s.pad_top,    s.pad_left,
                            s.dilation_h, s.dilation_w, s.groups, s.planar};
  std::ostringstream text;
  text << "in out kernel stride pad dilation groups planar:";
  for (int64_t f : fields) text << ' ' << f;
  return text.str();
}

// Is every element of the whole result within the tolerance of its definition? The first that is
// not fails the test.
bool agrees(Buffers& at, const Case& c, const ConvTable& t) {
  const std::vector<float> y = Bench(at, c, t).run(whole(c, t));
  for (int64_t i = 0; i < c.outputs(); i++) {
    const int64_t pixel = i / c.s.out_c;
    const Exact e = exact(c, t, pixel / c.s.out_w, pixel % c.s.out_w, i % c.s.out_c);
    const double found = static_cast<double>(y[static_cast<size_t>(i)]);
    if (std::fabs(found - e.value) <= e.tolerance) continue;
    const std::string shape = described(c.s);
    FAIL_CHECK(t.name << ": " << shape << " element " << i << " is " << found << ", expected "
                      << e.value << " within " << e.tolerance);
    return false;
  }
  return true;
}

}  // namespace

TEST_CASE("conv: random shapes agree with the double-precision definition") {
  constexpr int64_t kShapes = 100000, kProducts = 4000;
  Random rng(1);
  Buffers at;
  int64_t several_blocks = 0;  // of generic, a block is an element
  for (int64_t n = 0; n < kShapes; n++) {
    const Case c = draw_case(rng, n % 16 == 0 ? 1 << 17 : kProducts);
    for (const ConvTable* t : runnable()) {
      if (t->isa == Isa::generic && n % 8 != 0) continue;
      const bool rows = t->row_block(c.s) < c.s.out_h, columns = t->column_block(c.s) < c.s.out_w;
      several_blocks += t->isa != Isa::generic && (rows || columns);
      if (!agrees(at, c, *t)) return;
    }
  }
  CHECK((several_blocks > 100 || runnable().front()->isa == Isa::generic));
}

TEST_CASE("conv: weights too large to stay near agree with the double-precision definition") {
  Random rng(6);
  Buffers at;
  for (int64_t n = 0; n < 8; n++) {
    // 160 x 2 x 330 weights: 412 KiB
    const Case c = case_of(rng, {2, 9, 160, 2, 9, 330, 1, 2, 1, 1, 0, n % 2, 1, 1, 1, false});
    for (const ConvTable* t : runnable()) CHECK(agrees(at, c, *t));
  }
}

TEST_CASE("conv: images of many blocks agree with the double-precision definition") {
  const ConvShape shapes[] = {
      // 1x1 whose rows follow one another, copied: groups; pixels 1 KiB apart under 4 panels.
      {500, 1, 32, 500, 1, 32, 1, 1, 1, 1, 0, 0, 1, 1, 2, false},
      {9, 64, 256, 9, 64, 97, 1, 1, 1, 1, 0, 0, 1, 1, 1, false},
      // Copied with a border: blocks of rows, of columns, planar ones.
      {30, 20, 32, 30, 20, 32, 3, 3, 1, 1, 1, 1, 1, 1, 2, false},
      {30, 20, 32, 30, 20, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32, false},
      {1, 1200, 128, 1, 1200, 16, 1, 3, 1, 1, 0, 1, 1, 1, 2, false},
      {140, 140, 3, 70, 70, 4, 7, 7, 2, 2, 3, 3, 1, 1, 1, true},
  };
  Random rng(7);
  Buffers at;
  for (const ConvShape& s : shapes) {
    for (const bool front : {false, true}) {
      Case c = case_of(rng, s);
      c.x_gap = c.row_gap = c.y_gap = 0;
      c.front = front;
      for (const ConvTable* t : runnable()) CHECK(agrees(at, c, *t));
    }
  }
}

TEST_CASE("conv: any rectangle has the bits of the whole, and nothing outside it is written") {
  Random rng(2);
  Buffers at;
  for (int64_t n = 0; n < 15000; n++) {
    const Case c = draw_case(rng, n % 16 == 0 ? 1 << 16 : 4000);
    for (const ConvTable* t : runnable()) {
      Bench bench(at, c, *t);
      const Rect all = whole(c, *t);
      const std::vector<float> y = bench.run(all);
      const Rect q = draw_rect(rng, all);
      const std::vector<float> part = bench.run(q);
      const float untouched = bench.get_untouched();
      std::vector<float> added(y.size(), untouched);
      if (c.residual && c.alias) added = c.r;  // what lies in y before
      int64_t wrong = 0;
      for (int64_t i = 0; i < c.outputs(); i++) {
        const size_t k = static_cast<size_t>(i);
        const int64_t row = i / c.s.out_c / c.s.out_w, column = i / c.s.out_c % c.s.out_w;
        const bool inside = row >= q.r0 && row < q.r1 && column >= q.c0 && column < q.c1;
        const bool computed = same_bits(part[k], y[k]);
        if (!computed && !same_bits(part[k], added[k])) wrong++;
        if (!inside && !same_bits(part[k], added[k])) wrong++;
        if (inside && !computed && q.p0 == 0 && q.p1 == all.p1) wrong++;
      }
      if (wrong > 0) {
        const std::string shape = described(c.s);
        FAIL_CHECK(t->name << " case " << n << ": " << shape << ": " << wrong << " elements");
        return;
      }
    }
  }
}

TEST_CASE("conv: panels one after another make the whole") {
  Random rng(3);
  Buffers at;
  for (int64_t n = 0; n < 3000; n++) {
    Case c = draw_case(rng, 4000);
    c.alias = c.residual = false;
    for (const ConvTable* t : runnable()) {
      Bench bench(at, c, *t);
      const Rect all = whole(c, *t);
      const std::vector<float> y = bench.run(all);
      std::vector<int> times(y.size());
      for (int64_t panel = 0; panel < all.p1; panel++) {
        Rect q = all;
        q.p0 = panel;
        q.p1 = panel + 1;
        const std::vector<float> part = bench.run(q);
        for (size_t i = 0; i < y.size(); i++) {
          times[i] += !same_bits(part[i], bench.get_untouched());
          if (!same_bits(part[i], bench.get_untouched())) REQUIRE(same_bits(part[i], y[i]));
        }
      }
      CHECK(std::all_of(times.begin(), times.end(), [](int k) { return k == 1; }));
    }
  }
}

namespace {

// The chains that conv.h documents: kh kw i; planar i kh kw; small groups under three taps may be
// kh i kw (`sliding`).
float chain(const Case& c, const ConvTable& t, int64_t row, int64_t column, int64_t o, bool sliding) {
  const ConvShape& s = c.s;
  const int64_t channels = c.channels(), first = o / (s.out_c / s.groups) * channels;
  const int64_t taps = s.kernel_h * s.kernel_w;
  const bool planar = s.planar && s.dilation_w == 1;
  float sum = 0;
  int64_t y, x;
  for (int64_t k = 0; k < taps * channels; k++) {
    const int64_t i = planar ? k / taps : sliding ? k / s.kernel_w % channels : k % channels;
    const int64_t kh = planar ? k / s.kernel_w % s.kernel_h : k / channels / s.kernel_w;
    const int64_t kw = planar || sliding ? k % s.kernel_w : k / channels % s.kernel_w;
    if (!tap(s, row, column, kh, kw, y, x)) continue;
    sum = std::fma(x_at(c, y, x, first + i), w_at(c, t, o, i, kh, kw), sum);
  }
  return sum + 0.0f;
}

// Elements of y that are not their chain of that order.
int64_t off_chain(const Case& c, const ConvTable& t, const std::vector<float>& y, bool sliding) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < c.outputs(); i++) {
    const int64_t pixel = i / c.s.out_c;
    wrong += !same_bits(y[static_cast<size_t>(i)],
                        chain(c, t, pixel / c.s.out_w, pixel % c.s.out_w, i % c.s.out_c, sliding));
  }
  return wrong;
}

// Mostly numbers; infinities, NaN, denormals, zeros of both signs and values near the largest.
float special(Random& rng) {
  const float values[] = {0.0f, -0.0f, 0x1p-130f, -0x1p-133f, 0x1p-75f, 0x1.8p126f, -0x1.8p127f};
  const int64_t kind = rng.below(40);
  if (kind < 7) return values[kind];
  if (kind == 7 && rng.below(4) == 0) return std::numeric_limits<float>::quiet_NaN();
  if (kind == 8 && rng.below(4) == 0) return std::numeric_limits<float>::infinity();
  if (kind == 9 && rng.below(4) == 0) return -std::numeric_limits<float>::infinity();
  return bf16_round(static_cast<float>(rng.uniform(-1, 1)));
}

}  // namespace

TEST_CASE("conv: each element is the documented chain bit by bit, whatever the values of x") {
  Random rng(4);
  Buffers at;
  for (int64_t n = 0; n < 15000; n++) {
    Case c = draw_case(rng, 4000);
    c.bias = c.residual = false;
    c.act = Act::none;
    c.y_format = Format::f32;
    for (float& f : c.x) f = special(rng);
    for (float& f : c.w) {
      f = special(rng);
      if (!std::isfinite(f)) f = -0x1p-140f;
    }
    for (const ConvTable* t : runnable()) {
      Bench bench(at, c, *t);
      const std::vector<float> y = bench.run(whole(c, *t));
      int64_t wrong = off_chain(c, *t, y, false);
      if (wrong > 0 && c.s.groups > 1 && c.s.kernel_w == 3) wrong = off_chain(c, *t, y, true);
      if (wrong == 0) continue;
      const std::string shape = described(c.s);
      FAIL_CHECK(t->name << " case " << n << ": " << shape << ": " << wrong << " elements");
      return;
    }
  }
}

TEST_CASE("conv: weights of bf16 and f16 are widened exactly") {
  const ConvShape s = {1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 0, 0, 1, 1, 1, false};
  const uint16_t bf16[] = {0x3fc0, 0xc040, 0x0001}, f16[] = {0x3e00, 0xc200, 0x0001};
  const float expected[][3] = {{1.5f, -3.0f, 0x1p-133f}, {1.5f, -3.0f, 0x1p-24f}};
  Buffers at;
  for (const ConvTable* t : runnable()) {
    char* packed = at.packed.take(4096, true, 64);
    for (int k = 0; k < 2; k++) {
      const void* w = k == 0 ? bf16 : f16;
      t->pack({&s, w, k == 0 ? Format::bf16 : Format::f16, nullptr, packed, 0, t->panels(s)});
      const float one = 1;
      const uint16_t one_bf16 = 0x3f80;
      const void* x = t->x_format == Format::f32 ? static_cast<const void*>(&one) : &one_bf16;
      float y[3] = {};
      ConvArgs a = {};
      a.shape = &s;
      a.x = x;
      a.x_row = a.x_pixel = a.x_channel = 1;
      a.w = packed;
      a.y = y;
      a.y_format = Format::f32;
      a.y_row = a.y_pixel = 3;
      a.scratch = at.scratch.take(4096, true, 64);
      a.row_end = a.column_end = 1;
      a.panel_end = t->panels(s);
      t->run(a);
      for (int o = 0; o < 3; o++) {
        const bool flushed = t->isa == Isa::avx512_bf16 && o == 2 && k == 0;
        CHECK(y[o] == (flushed ? 0.0f : expected[k][o]));
      }
    }
  }
}
