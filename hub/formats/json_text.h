// SPDX-License-Identifier: Apache-2.0
// The lexical level of JSON: strings, numbers, UTF-8. Every function is total: any bytes give a
// value or a reason. Called by json.cpp (CPython's rules) and by safetensors.cpp, whose header
// rules are stricter.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tern::hub {

enum class LoneSurrogate { replace, reject };

/// Where decode_string stopped: behind the closing quote, or, with a problem, where that was seen.
struct DecodedString {
  const char* at;
  const char* problem;  // static text, nullptr when all went well
};

/// Decodes the JSON string whose first byte behind the opening quote is at `begin`; never reads at
/// or past `end`. The bytes must be valid UTF-8 already.
DecodedString decode_string(const char* begin, const char* end, LoneSurrogate lone,
                            std::string& out);

/// The same string when it has no escape and no problem, as it lies there; else it has no data().
std::string_view plain_string(const char* begin, const char* end) noexcept;

/// True for a number by JSON's grammar: no leading zero or plus, digits on both sides of the point.
bool is_json_number(std::string_view text) noexcept;

/// Position of the first byte that is not part of valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text) noexcept;

inline bool is_json_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace tern::hub
