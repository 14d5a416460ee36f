// SPDX-License-Identifier: Apache-2.0
// Sums and conversions: every variant has the bits of the definition, and the definition those of
// an independent rounding in double precision.

#include "../../kernels/elementwise/elementwise.h"

#include <cstdlib>
#include <initializer_list>

#include "rows.h"

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

TEST_CASE("scale and add_scaled round product and sum one by one, at every size, in place or not") {
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    for (int64_t n = 0; n <= 130; ++n) {
      CAPTURE(n);
      const Edge edge = n % 2 == 0 ? Edge::back : Edge::front;
      GuardedBuffer<float> x(n, edge, n % 5), y(n, edge), over(n, edge), sum(n, edge), start(n, edge);
      Random random(static_cast<uint64_t>(n) + 7);
      random.fill(x, -9, 9);
      random.fill(start, -9, 9);
      for (int64_t i = 0; i < n; ++i) {
        over[i] = x[i];
        sum[i] = start[i];
      }
      x.make_read_only();
      const float factor = n % 3 == 0 ? 0.3F : -17.1F;
      table.scale(x.data(), factor, y.data(), n);
      table.scale(over.data(), factor, over.data(), n);
      table.add_scaled(x.data(), factor, sum.data(), n);
      CHECK((y.slack_intact() && over.slack_intact() && sum.slack_intact()));
      for (int64_t i = 0; i < n; ++i) {
        const float product = factor * x[i];
        const float total = start[i] + product;
        CHECK((same_bits(y[i], product) && same_bits(over[i], product) && same_bits(sum[i], total)));
      }
    }
  });
}

namespace {

struct Pens {
  Pen x, x2, y;
};

/// Elements of X anywhere in a pen, of hard bit patterns.
template <class X>
X* hard_elements(Pen& pen, Random& random, int64_t n) {
  const int64_t size = static_cast<int64_t>(sizeof(X));
  unsigned char* p = pen.place(n * size, random.below(2) == 0, random.below(17) * size);
  for (int64_t i = 0; i < n; ++i) {
    uint64_t bits = random.bits();
    if (size == 4) bits = hard_bits(random);
    if (size == 2) bits = hard_bits(random) >> 16;
    memcpy(p + i * size, &bits, sizeof(X));
  }
  return reinterpret_cast<X*>(p);
}

/// run(y) on n elements behind guard pages gives what wanted(i) says for each.
template <class Y, class Run, class Wanted>
void check_elements(Pen& pen, Random& random, int64_t n, Run run, Wanted wanted) {
  const int64_t size = static_cast<int64_t>(sizeof(Y));
  Y* y = reinterpret_cast<Y*>(pen.place(n * size, random.below(2) == 0, random.below(17) * size));
  run(y);
  REQUIRE(pen.intact());
  for (int64_t i = 0; i < n; ++i) {
    const Y expected = wanted(i);
    REQUIRE(memcmp(&y[i], &expected, sizeof(Y)) == 0);
  }
}

template <class X>
void check_widening(void (*convert)(const X*, float*, int64_t), Pens& pens, Random& random,
                    int64_t n) {
  const X* x = hard_elements<X>(pens.x, random, n);
  check_elements<float>(
      pens.y, random, n, [&](float* y) { convert(x, y, n); },
      [&](int64_t i) { return static_cast<float>(x[i]); });
}

void check_conversion(const ElementwiseTable& table, Pens& pens, Random& random, int64_t n) {
  const Format formats[] = {Format::f32, Format::bf16, Format::f16};
  const Format from = formats[random.below(3)], to = formats[random.below(3)];
  const void* x = from == Format::f32 ? static_cast<void*>(hard_elements<float>(pens.x, random, n))
                                      : hard_elements<uint16_t>(pens.x, random, n);
  std::vector<unsigned char> wanted(static_cast<size_t>(4 * n + 1));
  definition().convert(x, from, wanted.data(), to, n);
  const int64_t bytes = n * (to == Format::f32 ? 4 : 2);
  check_elements<unsigned char>(
      pens.y, random, bytes, [&](unsigned char* y) { table.convert(x, from, y, to, n); },
      [&](int64_t i) { return wanted[static_cast<size_t>(i)]; });
}

void check_sums(const ElementwiseTable& table, Pens& pens, Random& random, int64_t n) {
  const uint16_t* a = hard_elements<uint16_t>(pens.x, random, n);
  const uint16_t* b = hard_elements<uint16_t>(pens.x2, random, n);
  const auto sum = [&](int64_t i) { return float_from_bf16(a[i]) + float_from_bf16(b[i]); };
  for (int64_t i = 0; i < n; ++i) {  // which of two NaNs comes out is not told
    if (std::isnan(sum(i))) const_cast<uint16_t*>(a)[i] = const_cast<uint16_t*>(b)[i] = 0x8001;
  }
  check_elements<uint16_t>(
      pens.y, random, n, [&](uint16_t* y) { table.add_bf16(a, b, y, n); },
      [&](int64_t i) { return bf16_from_float(sum(i)); });
}

}  // namespace

TEST_CASE(
    "sums and conversions of random lengths and bit patterns have the bits of the definition") {
  static Pens pens;
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    for (int seed = 0; seed < kRandomCases; ++seed) {
      CAPTURE(seed);
      Random random(static_cast<uint64_t>(seed));
      const int64_t n = random_length(random);
      check_conversion(table, pens, random, n);
      check_sums(table, pens, random, n);
      check_widening(table.f64_to_f32, pens, random, n);
      check_widening(table.i8_to_f32, pens, random, n);
      check_widening(table.u8_to_f32, pens, random, n);
    }
  });
}

TEST_CASE("f64 rounds to f32 half to even, to denormals, and overflows to infinity") {
  for_each_variant(elementwise_variants(), [](const ElementwiseTable& table) {
    const double x[] = {1 + 0x1p-24,    1 + 0x3p-24, 0x1p-150, 0x1.8p-149,
                        0x1.ffffffp127, -1e300,      -0.0,     5e-324};
    const float wanted[] = {1, 1 + 0x1p-22f, 0, 0x1p-148f, kInfinity, -kInfinity, -0.0f, 0};
    float y[8];
    table.f64_to_f32(x, y, 8);
    for (int i = 0; i < 8; ++i) CHECK(same_bits(y[i], wanted[i]));
  });
}
