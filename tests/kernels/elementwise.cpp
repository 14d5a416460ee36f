// SPDX-License-Identifier: Apache-2.0
// Sums and conversions: every variant has the bits of the definition, and the definition those of
// an independent rounding in double precision.

#include "../../kernels/elementwise/elementwise.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

namespace {

const ElementwiseTable& definition() {
  return elementwise_variants().best(Isa::generic);
}

/// x rounded to a format of `bits` mantissa bits (hidden one included) and least exponent `least`
/// (of its smallest denormal), half to even, by scaling in double.
double rounded(double x, int bits, int least) {
  int exponent = 0;
  std::frexp(x, &exponent);
  const int unit = std::max(exponent - bits, least);
  return std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
}

uint16_t convert_one(Format to, float x) {
  uint16_t out = 0;
  definition().convert(&x, Format::f32, &out, to, 1);
  return out;
}

float widen_one(Format from, uint16_t h) {
  float out = 0;
  definition().convert(&h, from, &out, Format::f32, 1);
  return out;
}

/// Bit patterns that stress rounding: ties, borders of denormals, overflow, NaNs.
uint32_t hard_bits(Random& random) {
  const uint64_t r = random.bits();
  const uint32_t any = static_cast<uint32_t>(r);
  switch ((r >> 32) % 5) {
    case 0:
      return any;
    case 1:
      return any & 0xffff8000u;  // bf16 ties
    case 2:
      return (any & 0x83fff000u) | 0x38000000u;  // f16 range and its ties
    case 3:
      return (any & 0x80001fffu) | (0x477fe000u);  // around f16 overflow
    default:
      return (any & 0x807fffffu) | ((any >> 8) % 2 ? 0x7f800000u : 0u);  // NaN, denormal
  }
}

}  // namespace

TEST_CASE("f32 rounds to bf16 and f16 half to even, as in double precision") {
  Random random(3);
  for (int i = 0; i < 400000; ++i) {
    const float x = float_from_bits(hard_bits(random));
    const uint16_t b = convert_one(Format::bf16, x), h = convert_one(Format::f16, x);
    const float wide_b = float_from_bf16(b), wide_h = widen_one(Format::f16, h);
    CAPTURE(bits_from_float(x));
    if (std::isnan(x)) {
      REQUIRE((std::isnan(wide_b) && std::isnan(wide_h)));
      REQUIRE(((b & 0x40) != 0 && (h & 0x200) != 0));  // quiet
      continue;
    }
    REQUIRE(std::signbit(wide_b) == std::signbit(x));
    REQUIRE(std::signbit(wide_h) == std::signbit(x));
    if (std::isinf(x)) {
      REQUIRE((wide_b == x && wide_h == x));
      continue;
    }
    const double exact_b = rounded(static_cast<double>(x), 8, -133);
    const double exact_h = rounded(static_cast<double>(x), 11, -24);
    REQUIRE(static_cast<double>(wide_b) ==
            (std::fabs(exact_b) >= 0x1p128 ? std::copysign(HUGE_VAL, exact_b) : exact_b));
    REQUIRE(static_cast<double>(wide_h) ==
            (std::fabs(exact_h) >= 0x1p16 ? std::copysign(HUGE_VAL, exact_h) : exact_h));
  }
}

TEST_CASE("every 16-bit pattern widens and narrows back to itself") {
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    for (Format format : {Format::bf16, Format::f16}) {
      CAPTURE(static_cast<int>(format));
      GuardedBuffer<uint16_t> x(65536), back(65536);
      GuardedBuffer<float> wide(65536);
      for (int64_t i = 0; i < 65536; ++i) x[i] = static_cast<uint16_t>(i);
      table.convert(x.data(), format, wide.data(), Format::f32, 65536);
      table.convert(wide.data(), Format::f32, back.data(), format, 65536);
      const uint16_t quiet = format == Format::bf16 ? 0x40 : 0x200;
      for (int64_t i = 0; i < 65536; ++i) {
        REQUIRE(same_bits(wide[i], widen_one(format, x[i])));
        REQUIRE(back[i] == (std::isnan(wide[i]) ? x[i] | quiet : x[i]));
      }
    }
  });
}

TEST_CASE(
    "conversions of every variant, size and pair of formats have the bits of the definition") {
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    Random random(11);
    for (Format from : {Format::f32, Format::bf16, Format::f16}) {
      for (Format to : {Format::f32, Format::bf16, Format::f16}) {
        for (int64_t n = 0; n <= 130; n += n < 40 ? 1 : 9) {
          CAPTURE(n);
          const int64_t in_bytes = n * (from == Format::f32 ? 4 : 2);
          const int64_t out_bytes = n * (to == Format::f32 ? 4 : 2);
          const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
          GuardedBuffer<unsigned char> x(in_bytes, edge), y(out_bytes, edge),
              wanted(out_bytes, edge);
          for (int64_t i = 0; i + 4 <= in_bytes; i += 4) {
            const uint32_t bits = hard_bits(random);
            memcpy(x.data() + i, &bits, 4);
          }
          if (in_bytes % 4 != 0) x[in_bytes - 1] = x[in_bytes - 2] = 0x12;
          x.make_read_only();
          table.convert(x.data(), from, y.data(), to, n);
          definition().convert(x.data(), from, wanted.data(), to, n);
          CHECK((y.slack_intact() &&
                 memcmp(y.data(), wanted.data(), static_cast<size_t>(out_bytes)) == 0));
        }
      }
    }
  });
}

TEST_CASE("add is exact to the bit at every size and may write over either operand") {
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    for (int64_t n = 0; n <= 130; ++n) {
      CAPTURE(n);
      const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
      GuardedBuffer<float> a(n, edge), b(n, edge, n % 5), y(n, edge), over_a(n, edge),
          over_b(n, edge);
      Random random(static_cast<uint64_t>(n) + 1);
      random.fill(a, -9, 9);
      random.fill(b, -9, 9);
      for (int64_t i = 0; i < n; ++i) {
        over_a[i] = a[i];
        over_b[i] = b[i];
      }
      a.make_read_only();
      b.make_read_only();
      table.add(a.data(), b.data(), y.data(), n);
      table.add(over_a.data(), b.data(), over_a.data(), n);
      table.add(a.data(), over_b.data(), over_b.data(), n);
      CHECK((y.slack_intact() && over_a.slack_intact() && over_b.slack_intact()));
      for (int64_t i = 0; i < n; ++i) {
        const float wanted = a[i] + b[i];
        CHECK((same_bits(y[i], wanted) && same_bits(over_a[i], wanted) &&
               same_bits(over_b[i], wanted)));
      }
    }
  });
}
