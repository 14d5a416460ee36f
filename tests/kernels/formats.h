// SPDX-License-Identifier: Apache-2.0
// f16 and bf16 by definition, for the tests of kernels that read or write them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "buffers.h"

namespace tern::test {

using kernels::Format;

inline uint16_t bf16_bits(float f) {
  const uint32_t u = bits_from_float(f);
  if (std::isnan(f)) return static_cast<uint16_t>((u >> 16) | 0x40);
  return static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

inline uint16_t f16_bits(float f) {
  const int sign = std::signbit(f) ? 0x8000 : 0;
  if (std::isnan(f)) return static_cast<uint16_t>(sign | 0x7e00);
  const double a = std::fabs(static_cast<double>(f));
  if (a >= 65520) return static_cast<uint16_t>(sign | 0x7c00);
  const int exponent = a < 0x1p-14 ? -14 : std::ilogb(a);
  const int units = static_cast<int>(std::nearbyint(std::ldexp(a, 10 - exponent)));
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + units));
}

inline float float_from_f16(uint16_t h) {
  const int exponent = (h >> 10) & 31, mantissa = h & 1023;
  double a = std::ldexp(exponent == 0 ? mantissa : mantissa + 1024, std::max(exponent, 1) - 25);
  if (exponent == 31) {
    a = mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                      : std::numeric_limits<double>::infinity();
  }
  return static_cast<float>((h & 0x8000) != 0 ? -a : a);
}

inline float rounded(Format format, float f) {
  if (format == Format::bf16) return float_from_bf16(bf16_bits(f));
  return format == Format::f16 ? float_from_f16(f16_bits(f)) : f;
}

inline size_t bytes_of(Format format) {
  return format == Format::f32 ? 4 : 2;
}

}  // namespace tern::test
