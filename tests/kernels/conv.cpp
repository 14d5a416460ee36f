// SPDX-License-Identifier: Apache-2.0
// Every registered variant of conv that this CPU can run, against a double-precision oracle, against
// its documented chain and, rectangle by rectangle, against itself.
#include "conv_oracle.h"

using namespace tern::kernels;
using namespace tern::test;
using namespace tern::test::conv;

TEST_CASE("conv: random shapes agree with the double-precision definition") {
  constexpr int64_t kShapes = 100000, kProducts = 4000;
  Random rng(1);
  Buffers at;
  int64_t several_blocks = 0;
  bool ok = true;
  for (int64_t n = 0; n < kShapes && ok; n++) {
    const Case c = draw_case(rng, n % 16 == 0 ? 1 << 17 : kProducts);
    for_each_conv([&](const ConvTable& t) {
      if (!ok || (t.isa == Isa::generic && n % 8 != 0)) return;
      several_blocks += t.row_block(c.s) < c.s.out_h || t.column_block(c.s) < c.s.out_w;
      ok = agrees(at, c, t);
    });
  }
  CHECK(several_blocks > 100);
}

TEST_CASE("conv: weights too large to stay near agree with the double-precision definition") {
  Random rng(6);
  Buffers at;
  for (int64_t n = 0; n < 8; n++) {
    // 160 x 2 x 330 weights: 412 KiB
    const Case c = case_of(rng, {2, 9, 160, 2, 9, 330, 1, 2, 1, 1, 0, n % 2, 1, 1, 1, false});
    for_each_conv([&](const ConvTable& t) { CHECK(agrees(at, c, t)); });
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
      for_each_conv([&](const ConvTable& t) { CHECK(agrees(at, c, t)); });
    }
  }
}

TEST_CASE("conv: any rectangle has the bits of the whole, and nothing outside it is written") {
  Random rng(2);
  Buffers at;
  bool ok = true;
  for (int64_t n = 0; n < 15000 && ok; n++) {
    const Case c = draw_case(rng, n % 16 == 0 ? 1 << 16 : 4000);
    for_each_conv([&](const ConvTable& t) { ok = ok && keeps_rectangles(at, c, t, rng); });
  }
}

TEST_CASE("conv: panels one after another make the whole") {
  Random rng(3);
  Buffers at;
  for (int64_t n = 0; n < 3000; n++) {
    const Case c = draw_case(rng, 4000);
    for_each_conv([&](const ConvTable& t) { CHECK(panels_make_the_whole(at, c, t)); });
  }
}

TEST_CASE("conv: each element is the documented chain bit by bit, whatever the values of x") {
  Random rng(4);
  Buffers at;
  bool ok = true;
  for (int64_t n = 0; n < 15000 && ok; n++) {
    const Case c = draw_case(rng, 4000);
    for_each_conv([&](const ConvTable& t) {
      ok = ok && keeps_order(at, c, t, [&] { return special(rng); });
    });
  }
}

TEST_CASE("conv: weights of bf16 and f16 are widened exactly") {
  const ConvShape s = {1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 0, 0, 1, 1, 1, false};
  const uint16_t bf16[] = {0x3fc0, 0xc040, 0x0001}, f16[] = {0x3e00, 0xc200, 0x0001};
  const float expected[][3] = {{1.5f, -3.0f, 0x1p-133f}, {1.5f, -3.0f, 0x1p-24f}};
  Buffers at;
  for_each_conv([&](const ConvTable& t) {
    char* packed = at.packed.take(4096, true, 64);
    for (int k = 0; k < 2; k++) {
      const void* w = k == 0 ? bf16 : f16;
      t.pack({&s, w, k == 0 ? Format::bf16 : Format::f16, nullptr, packed, 0, t.panels(s)});
      const float one = 1;
      const uint16_t one_bf16 = 0x3f80;
      const void* x = t.x_format == Format::f32 ? static_cast<const void*>(&one) : &one_bf16;
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
      a.panel_end = t.panels(s);
      t.run(a);
      for (int o = 0; o < 3; o++) CHECK(y[o] == expected[k][o]);
    }
  });
}
