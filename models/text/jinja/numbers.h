// SPDX-License-Identifier: Apache-2.0
// Python's numbers as text and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern::jinja {

/// repr(float): the shortest digits that give the number back.
std::string float_repr(double value);
/// float(str), nullopt where Python raises ValueError.
std::optional<double> parse_float(std::string_view text);
/// int(str, base): base 0 or 2 … 36; `big` is set when there are digits but they do not fit.
std::optional<int64_t> parse_integer(std::string_view text, int base, bool& big);
/// round(value, digits), digits after the point (negative: before it).
double round_to(double value, int64_t digits);

/// A number by a format specification of printf or str.format.
struct NumberStyle {
  char type = 'd';     // d x X o b e E f F g G %
  int precision = -1;  // -1: the type's own
  bool alternate = false;
  char grouping = 0;  // ',' or '_'
};
/// Digits without sign.
std::string integer_digits(uint64_t magnitude, const NumberStyle& style);
std::string float_digits(double magnitude, const NumberStyle& style);

}  // namespace tern::jinja
