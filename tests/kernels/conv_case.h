// SPDX-License-Identifier: Apache-2.0
// Random convolutions and their place in memory, for the tests of conv. Buffers lie between pages that
// must not be touched; what lies between their rows and pixels is NaN and must not be read.
#pragma once

#include "../../kernels/conv/conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "buffers.h"

namespace tern::test::conv {

using namespace tern::kernels;

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

inline float bf16_round(float f) {
  const uint32_t u = bits_from_float(f);
  if (std::isnan(f)) return f;
  return float_from_bits((u + 0x7fff + ((u >> 16) & 1)) >> 16 << 16);
}
inline uint16_t bf16_bits(float f) {
  return static_cast<uint16_t>(bits_from_float(bf16_round(f)) >> 16);
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
inline bool tap(const ConvShape& s, int64_t row, int64_t column, int64_t kh, int64_t kw, int64_t& y,
         int64_t& x) {
  y = row * s.stride_h - s.pad_top + kh * s.dilation_h;
  x = column * s.stride_w - s.pad_left + kw * s.dilation_w;
  return y >= 0 && y < s.in_h && x >= 0 && x < s.in_w;
}

inline float x_at(const Case& c, int64_t y, int64_t x, int64_t i) {
  return c.x[static_cast<size_t>((y * c.s.in_w + x) * c.s.in_c + i)];
}

// The weight as the table multiplies it.
inline float w_at(const Case& c, const ConvTable& t, int64_t o, int64_t i, int64_t kh, int64_t kw) {
  const ConvShape& s = c.s;
  const int64_t at = ((o * c.channels() + i) * s.kernel_h + kh) * s.kernel_w + kw;
  float w = c.w[static_cast<size_t>(at)];
  if (c.scale) w *= c.factor[static_cast<size_t>(o)];
  return t.x_format == Format::bf16 ? bf16_round(w) : w;
}

struct Rect {
  int64_t r0, r1, c0, c1, p0, p1;
};

inline Rect whole(const Case& c, const ConvTable& t) {
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

// f(table) for every variant of either format that this CPU runs.
template <class F>
void for_each_conv(F f) {
  for (Format format : {Format::f32, Format::bf16}) for_each_variant(conv_variants(format), f);
}

inline int64_t pick(Random& rng, int64_t low, int64_t high) {
  return low + rng.below(high - low + 1);
}

// Channels: dense, grouped (also by numbers that fill no vector), or depthwise.
inline void draw_channels(Random& rng, ConvShape& s) {
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

inline ConvShape draw_shape(Random& rng, bool wide) {
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

inline int64_t products(const ConvShape& s) {
  return s.out_h * s.out_w * s.out_c * (s.in_c / s.groups) * s.kernel_h * s.kernel_w;
}

template <class Draw>
void fill(std::vector<float>& v, int64_t count, Draw draw) {
  v.resize(static_cast<size_t>(count));
  for (float& f : v) f = draw();
}

inline Case case_of(Random& rng, const ConvShape& s) {
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

inline Case draw_case(Random& rng, int64_t most_products) {
  ConvShape s;
  do {
    s = draw_shape(rng, most_products > 4000 && rng.below(2) == 0);
  } while (products(s) > most_products);
  return case_of(rng, s);
}

inline Rect draw_rect(Random& rng, const Rect& all) {
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

inline std::string described(const ConvShape& s) {
  const int64_t fields[] = {s.in_h,     s.in_w,     s.in_c,    s.out_h,      s.out_w,      s.out_c,
                            s.kernel_h, s.kernel_w, s.stride_h, s.stride_w,  s.pad_top,    s.pad_left,
                            s.dilation_h, s.dilation_w, s.groups, s.planar};
  std::ostringstream text;
  text << "in out kernel stride pad dilation groups planar:";
  for (int64_t f : fields) text << ' ' << f;
  return text.str();
}

// Mostly numbers; infinities, NaN, denormals, zeros of both signs and values near the largest.
inline float special(Random& rng) {
  const float values[] = {0.0f, -0.0f, 0x1p-130f, -0x1p-133f, 0x1p-75f, 0x1.8p126f, -0x1.8p127f};
  const int64_t kind = rng.below(40);
  if (kind < 7) return values[kind];
  if (kind == 7 && rng.below(4) == 0) return std::numeric_limits<float>::quiet_NaN();
  if (kind == 8 && rng.below(4) == 0) return std::numeric_limits<float>::infinity();
  if (kind == 9 && rng.below(4) == 0) return -std::numeric_limits<float>::infinity();
  return bf16_round(static_cast<float>(rng.uniform(-1, 1)));
}

}  // namespace tern::test::conv
