// SPDX-License-Identifier: Apache-2.0
// See numbers.h.
#include "numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "python_text.h"

namespace tern::jinja {

namespace {

/// Underscores may stand between digits only; gives the text without them, or nullopt.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const auto alnum = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    if (i == 0 || i + 1 == text.size() || !alnum(text[i - 1]) || !alnum(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

char ascii_lower(char c) noexcept {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

char ascii_upper(char c) noexcept {
  return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
}

/// printf's %.*f, %.*e and %.*g, whatever the locale.
std::string print(std::chars_format format, int precision, double value) {
  std::string out(static_cast<size_t>(precision) + 340, '\0');
  const auto end = std::to_chars(out.data(), out.data() + out.size(), value, format, precision).ptr;
  out.resize(static_cast<size_t>(end - out.data()));
  return out;
}

double parse_finite(std::string_view text) {
  double value = 0;
  const auto error = std::from_chars(text.data(), text.data() + text.size(), value).ec;
  if (error != std::errc::result_out_of_range) return value;
  // Too small or too large: from_chars does not tell which.
  const size_t e = text.find_first_of("eE");
  const bool small = e != text.npos ? text.substr(e + 1, 1) == "-" : text.front() == '0';
  return small ? 0 : HUGE_VAL;
}

/// Separators every three (decimal) or four digits of the part before the point.
std::string grouped(std::string_view digits, char separator, size_t every) {
  const size_t end = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (size_t i = 0; i < end; ++i) {
    if (i > 0 && (end - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out += digits.substr(end);
}

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  int exponent = 0;
  const char* const digits_end = text.data() + text.size();
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), digits_end, exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += '.' + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    const std::string power = std::to_string(std::abs(exponent));
    return out += power.size() < 2 ? '0' + power : power;
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  }
  const auto point = static_cast<size_t>(exponent + 1);
  return out + digits.substr(0, point) + '.' + digits.substr(point);
}

std::optional<double> parse_float(std::string_view text) {
  const auto clean = without_underscores(strip(text, Ends::both));
  if (!clean || clean->empty()) return std::nullopt;
  std::string_view rest = *clean;
  const bool negative = rest.front() == '-';
  if (rest.front() == '-' || rest.front() == '+') rest.remove_prefix(1);
  std::string word(rest.substr(0, 9));
  std::transform(word.begin(), word.end(), word.begin(), ascii_lower);
  double value = 0;
  if (word == "inf" || word == "infinity") {
    value = HUGE_VAL;
  } else if (word == "nan") {
    value = std::nan("");
  } else {
    if (rest.empty() || !((rest[0] >= '0' && rest[0] <= '9') || rest[0] == '.')) {
      return std::nullopt;
    }
    const char* const end = rest.data() + rest.size();
    const auto [at, error] = std::from_chars(rest.data(), end, value);
    if (at != end || error == std::errc::invalid_argument) return std::nullopt;
    value = parse_finite(rest);
  }
  return negative ? -value : value;
}

std::optional<int64_t> parse_integer(std::string_view text, int base, bool& big) {
  big = false;
  const auto clean = without_underscores(strip(text, Ends::both));
  if (!clean || clean->empty()) return std::nullopt;
  std::string_view rest = *clean;
  const bool negative = rest.front() == '-';
  if (rest.front() == '-' || rest.front() == '+') rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0' && (base == 0 || base == 2 || base == 8 || base == 16)) {
    const char mark = ascii_lower(rest[1]);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked && (base == 0 || base == marked)) {
      base = marked;
      rest.remove_prefix(2);
    }
  }
  if (base == 0) {
    base = 10;
    if (rest.size() > 1 && rest[0] == '0' && rest.find_first_not_of('0') != rest.npos) {
      return std::nullopt;
    }
  }
  uint64_t magnitude = 0;
  const char* const end = rest.data() + rest.size();
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  const auto [at, error] = std::from_chars(rest.data(), end, magnitude, base);
  if (at != end || error == std::errc::invalid_argument) return std::nullopt;
  const uint64_t limit = negative ? uint64_t{1} << 63 : INT64_MAX;
  if (error == std::errc::result_out_of_range || magnitude > limit) {
    big = true;
    return std::nullopt;
  }
  return static_cast<int64_t>(negative ? ~magnitude + 1 : magnitude);
}

double round_to(double value, int64_t digits) {
  if (!std::isfinite(value) || value == 0 || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  const double magnitude = std::fabs(value);
  double rounded = 0;
  if (digits >= 0) {
    rounded = parse_finite(print(std::chars_format::fixed, static_cast<int>(digits), magnitude));
  } else {
    // The number of significant digits that remain decides; below one it is 0 or one unit.
    const std::string whole = print(std::chars_format::scientific, 17, magnitude);
    int exponent = 0;
    const size_t e = whole.find('e') + (whole[whole.find('e') + 1] == '+' ? 2 : 1);
    std::from_chars(whole.data() + e, whole.data() + whole.size(), exponent);
    const int64_t kept = exponent + digits;
    if (kept >= 0) {
      rounded =
          parse_finite(print(std::chars_format::scientific, static_cast<int>(kept), magnitude));
    } else if (kept == -1) {
      const double unit = std::pow(10.0, static_cast<double>(-digits));
      rounded = magnitude > unit / 2 ? unit : 0.0;
    }
  }
  return std::copysign(rounded, value);
}

std::string integer_digits(uint64_t magnitude, const NumberStyle& style) {
  const int base = style.type == 'x' || style.type == 'X' ? 16
                   : style.type == 'o'                    ? 8
                   : style.type == 'b'                    ? 2
                                                          : 10;
  char buffer[72];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr;
  std::string out(buffer, end);
  if (style.precision > 0 && out.size() < static_cast<size_t>(style.precision)) {
    out.insert(0, static_cast<size_t>(style.precision) - out.size(), '0');
  }
  if (style.grouping) out = grouped(out, style.grouping, base == 10 ? 3 : 4);
  if (style.type == 'X') std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
  if (style.alternate && base != 10) out = std::string("0") + style.type + out;
  return out;
}

std::string float_digits(double magnitude, const NumberStyle& style) {
  const bool percent = style.type == '%';
  const char type = percent ? 'f' : style.type;
  std::string out;
  if (!std::isfinite(magnitude)) {
    const bool upper = type == 'E' || type == 'F' || type == 'G';
    out = std::isnan(magnitude) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
  } else {
    const char kind = ascii_lower(type);
    const auto format = kind == 'f'   ? std::chars_format::fixed
                        : kind == 'e' ? std::chars_format::scientific
                                      : std::chars_format::general;
    out = print(format, style.precision < 0 ? 6 : style.precision,
                percent ? magnitude * 100 : magnitude);
    if (type != kind) std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
    if (style.alternate && out.find('.') == out.npos) {
      out.insert(std::min(out.find_first_of("eE"), out.size()), 1, '.');
    }
    if (style.grouping) out = grouped(out, style.grouping, 3);
  }
  return percent ? out + '%' : out;
}

}  // namespace tern::jinja
