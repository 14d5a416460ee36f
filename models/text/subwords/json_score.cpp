// SPDX-License-Identifier: Apache-2.0
// The digits that fit in 64 bits as an integer (further ones are dropped), times or divided by one
// power of ten; see json_score.h.
#include "json_score.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tern::text {

namespace {

constexpr int kMaxPower = 308;

/// The nearest doubles of 10^0 … 10^308.
const std::array<double, kMaxPower + 1>& powers() {
  static const auto table = [] {
    std::array<double, kMaxPower + 1> out{};
    for (int i = 0; i <= kMaxPower; ++i) {
      char text[8] = "1e";
      const auto end = std::to_chars(text + 2, text + sizeof text, i).ptr;
      std::from_chars(text, end, out[static_cast<size_t>(i)]);
    }
    return out;
  }();
  return table;
}

struct Reader {
  std::string_view text;
  size_t at = 0;

  bool take(char c) {
    if (at == text.size() || text[at] != c) return false;
    return ++at, true;
  }
  bool digit(unsigned& d) {
    if (at == text.size() || text[at] < '0' || text[at] > '9') return false;
    d = static_cast<unsigned>(text[at++] - '0');
    return true;
  }
};

/// False when the digit does not fit.
bool append(uint64_t& digits, unsigned d) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  if (digits > (kMost - d) / 10) return false;
  digits = digits * 10 + d;
  return true;
}

std::optional<double> scaled(uint64_t digits, int64_t exponent) {
  auto value = static_cast<double>(digits);
  if (value == 0) return value;
  for (; exponent < -kMaxPower && value != 0; exponent += kMaxPower) value /= 1e308;
  if (value == 0) return value;
  if (exponent > kMaxPower) return std::nullopt;
  const double power = powers()[static_cast<size_t>(exponent < 0 ? -exponent : exponent)];
  value = exponent < 0 ? value / power : value * power;
  if (std::isinf(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> json_score(std::string_view text) {
  Reader in{text};
  const bool negative = in.take('-');
  uint64_t digits = 0;
  int64_t exponent = 0;
  unsigned d = 0;
  if (!in.digit(d)) return std::nullopt;
  for (bool fits = append(digits, d); in.digit(d);) {
    fits = fits && append(digits, d);
    exponent += !fits;
  }
  if (in.take('.')) {
    for (bool fits = true; in.digit(d);) {
      fits = fits && append(digits, d);
      exponent -= fits;
    }
  }
  if (in.take('e') || in.take('E')) {
    const bool minus = in.take('-');
    if (!minus) in.take('+');
    int64_t power = 0;
    while (in.digit(d)) power = power < 1'000'000'000 ? power * 10 + d : power;
    exponent += minus ? -power : power;
  }
  if (in.at != text.size()) return std::nullopt;
  const auto value = scaled(digits, exponent);
  return value && negative ? -*value : value;
}

}  // namespace tern::text
