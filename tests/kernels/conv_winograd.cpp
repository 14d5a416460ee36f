// SPDX-License-Identifier: Apache-2.0
// The shapes that conv.h gives to Winograd's algorithm, which are larger than most that conv.cpp draws:
// every variant against the definition, the documented roundings, and rectangle by rectangle.
#include "conv_oracle.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::conv;

namespace {

// Groups of 8, which share vectors; of 16 and more; or dense, with one to three vectors of outputs or
// several panels.
void draw_channels(Random& rng, ConvShape& s) {
  const int64_t kind = rng.below(3);
  s.groups = kind == 2 ? 1 : pick(rng, 2, 5);
  int64_t in = 8, out = 8;
  if (kind == 1) {
    in = pick(rng, 16, 20);
    out = pick(rng, 16, 20);
  } else if (kind == 2) {
    in = pick(rng, 16, 36);
    out = rng.below(4) == 0 ? pick(rng, 33, 70) : pick(rng, 16, 32);
  }
  s.in_c = in * s.groups;
  s.out_c = out * s.groups;
}

ConvShape draw_shape(Random& rng, int64_t most_high, int64_t most_wide) {
  ConvShape s = {};
  do {
    s.out_h = pick(rng, 3, most_high);
    s.out_w = pick(rng, 5, most_wide);
  } while ((s.out_h + 1) / 2 * ((s.out_w + 1) / 2) < 16);
  draw_channels(rng, s);
  s.kernel_h = s.kernel_w = 3;
  s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
  s.pad_top = pick(rng, 0, 2);
  s.pad_left = pick(rng, 0, 2);
  s.in_h = pick(rng, std::max<int64_t>(s.out_h - 2, 1), s.out_h + 3 - s.pad_top);
  s.in_w = pick(rng, std::max<int64_t>(s.out_w - 2, 1), s.out_w + 3 - s.pad_left);
  return s;
}

Case draw_winograd(Random& rng) {
  const bool large = rng.below(32) == 0;  // several blocks
  return case_of(rng, large ? draw_shape(rng, 26, 26) : draw_shape(rng, 9, 9));
}

const ConvTable* winograd_table(const ConvShape& s) {
  for (const ConvTable* t : conv_variants(Format::f32)) {
    if (runs_at(*t, hardware_isa()) && is_winograd(s, *t)) return t;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("conv: 3x3 convolutions by Winograd agree with the double-precision definition") {
  Random rng(11);
  Buffers at;
  int64_t by_winograd = 0, several_blocks = 0;
  bool ok = true;
  for (int64_t n = 0; n < 1500 && ok; n++) {
    const Case c = draw_winograd(rng);
    for_each_conv([&](const ConvTable& t) {
      if (!ok || (t.isa == Isa::generic && n % 8 != 0)) return;
      by_winograd += is_winograd(c.s, t);
      several_blocks += is_winograd(c.s, t) && t.row_block(c.s) < c.s.out_h;
      ok = agrees(at, c, t);
    });
  }
  const bool any = hardware_isa() >= Isa::avx512;
  CHECK((!any || by_winograd > 500));
  CHECK((!any || several_blocks > 5));
}

TEST_CASE("conv: Winograd over more channels than are transformed together agrees with the definition") {
  Random rng(12);
  Buffers at;
  for (const int64_t in : {129, 160, 257}) {
    for (const int64_t out : {16, 40, 64}) {
      const Case c = case_of(rng, {7, 8, in, 7, 8, out, 3, 3, 1, 1, 1, 1, 1, 1, 1, false});
      for_each_conv([&](const ConvTable& t) {
        CHECK(agrees(at, c, t));
        CHECK(keeps_rectangles(at, c, t, rng));
        CHECK(keeps_order(at, c, t, [&] { return bf16_round(static_cast<float>(rng.uniform(-1, 1))); }));
      });
    }
  }
}

TEST_CASE("conv: any rectangle of a result by Winograd has the bits of the whole") {
  Random rng(13);
  Buffers at;
  bool ok = true;
  for (int64_t n = 0; n < 1500 && ok; n++) {
    const Case c = draw_winograd(rng);
    const ConvTable* t = winograd_table(c.s);
    if (!t) continue;
    for (int k = 0; k < 4; k++) ok = ok && keeps_rectangles(at, c, *t, rng);
    ok = ok && panels_make_the_whole(at, c, *t);
  }
  CHECK(ok);
}

TEST_CASE("conv: results by Winograd have the documented roundings, and the chain's where not finite") {
  Random rng(14);
  Buffers at;
  bool ok = true;
  for (int64_t n = 0; n < 300 && ok; n++) {
    const Case c = draw_winograd(rng);
    const ConvTable* t = winograd_table(c.s);
    if (!t) continue;
    // None, few, or nearly all elements have something special under them.
    const int64_t one_in = n % 3 == 0 ? 1 << 20 : n % 3 == 1 ? 300 : 1;
    ok = keeps_order(at, c, *t, [&] {
      return rng.below(one_in) == 0 ? special(rng) : static_cast<float>(rng.uniform(-1, 1));
    });
  }
}
