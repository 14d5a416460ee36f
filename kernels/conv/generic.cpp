// SPDX-License-Identifier: Apache-2.0
// conv by definition: one output element at a time, one fused multiply-add per tap and channel. A
// panel is one output channel. bf16 is widened to f32 first, where a product of two is exact.
#include <math.h>
#include <string.h>

#include "conv.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, format) extern const ConvTable symbol;
#include "conv.inc"
#undef TERN_VARIANT

#include "../simd/fused.inc"
#include "../simd/generic.inc"
#include "plan.inc"

namespace {

constexpr Layout kF32Layout = {1, 1, 4, false, false}, kBf16Layout = {1, 1, 2, false, false};

template <class Element>
constexpr const Layout& layout() {
  return sizeof(Element) == 4 ? kF32Layout : kBf16Layout;
}

inline float as_f32(float value) {
  return value;
}
inline float as_f32(uint16_t value) {
  return bf16_to_f32(value);
}

// The chain of output channel o at (row, column).
template <class Element>
float chain(const ConvArgs& a, const Plan& p, int64_t row, int64_t column, int64_t o) {
  const ConvShape& s = *a.shape;
  const Element* w = static_cast<const Element*>(a.w) + o * p.depth;
  const int64_t first = o / p.outputs * p.channels;
  float sum = 0;
  for (int64_t k = 0; k < p.depth; k++) {
    const Tap t = tap_of(s, p, k);
    const int64_t y = row * s.stride_h - s.pad_top + t.kh * s.dilation_h;
    const int64_t x = column * s.stride_w - s.pad_left + t.kw * s.dilation_w;
    if (y < 0 || y >= s.in_h || x < 0 || x >= s.in_w) continue;
    const int64_t channel = (first + t.i) * (s.planar ? a.x_channel : 1);
    const int64_t at = y * a.x_row + x * (s.planar ? 1 : a.x_pixel) + channel;
    sum = fused(as_f32(static_cast<const Element*>(a.x)[at]), as_f32(w[k]), sum);
  }
  return sum + 0.0f;
}

void finish(const ConvArgs& a, int64_t row, int64_t column, int64_t o, float sum) {
  const float residual =
      a.residual ? a.residual[row * a.residual_row + column * a.residual_pixel + o] : 0;
  float y = a.bias ? sum + a.bias[o] : sum;
  if (a.residual && a.residual_first) y += residual;
  y = act_f32(a.act, y);
  if (a.residual && !a.residual_first) y += residual;
  const int64_t at = row * a.y_row + column * a.y_pixel + o;
  if (a.y_format == Format::f32) {
    static_cast<float*>(a.y)[at] = y;
  } else {
    static_cast<uint16_t*>(a.y)[at] = f32_to_bf16(y);
  }
}

template <class Element>
void run(const ConvArgs& a) {
  const Plan p = plan_of(*a.shape, layout<Element>());
  for (int64_t row = a.row_begin; row < a.row_end; row++) {
    for (int64_t column = a.column_begin; column < a.column_end; column++) {
      for (int64_t o = a.panel_begin; o < a.panel_end; o++) {
        finish(a, row, column, o, chain<Element>(a, p, row, column, o));
      }
    }
  }
}

int64_t panels(const ConvShape& s) {
  return s.out_c;
}
int64_t one(const ConvShape&) {
  return 1;
}
size_t no_bytes(const ConvShape&) {
  return 0;
}

template <class Element>
size_t packed_bytes(const ConvShape& s) {
  const Plan p = plan_of(s, layout<Element>());
  return static_cast<size_t>(s.out_c * p.depth * p.layout.element);
}

template <class Element>
void pack(const ConvPack& a) {
  pack_sets<Element>(a, plan_of(*a.shape, layout<Element>()));
}

}  // namespace

const ConvTable conv_f32_generic = {
    "conv_f32_generic", Isa::generic, Format::f32, panels, one, one,
    one, packed_bytes<float>, no_bytes, pack<float>, run<float>};

const ConvTable conv_bf16_generic = {
    "conv_bf16_generic", Isa::generic, Format::bf16, panels, one, one,
    one, packed_bytes<uint16_t>, no_bytes, pack<uint16_t>, run<uint16_t>};

}  // namespace tern::kernels
