// SPDX-License-Identifier: Apache-2.0
// UTF-8 for text that is known to be valid, and valid_utf8, which makes it so: ill-formed bytes
// become U+FFFD exactly as bytes.decode("utf-8", errors="replace") of Python does (one per maximal
// subpart).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tern::text {

/// `text` itself when it is valid UTF-8, else a repaired copy kept in `scratch`.
std::string_view valid_utf8(std::string_view text, std::string& scratch);

/// Bytes of the character that begins with `lead`, in valid text.
inline size_t utf8_length(char lead) noexcept {
  const auto b = static_cast<unsigned char>(lead);
  return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

inline bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The code point at text[i] of valid text; moves `i` past it.
inline char32_t next_char(std::string_view text, size_t& i) noexcept {
  const auto byte = [&](size_t k) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[k]));
  };
  const char32_t b = byte(i);
  if (b < 0x80) return i += 1, b;
  if (b < 0xE0) return i += 2, (b & 0x1F) << 6 | (byte(i - 1) & 0x3F);
  if (b < 0xF0) {
    i += 3;
    return (b & 0x0F) << 12 | (byte(i - 2) & 0x3F) << 6 | (byte(i - 1) & 0x3F);
  }
  i += 4;
  return (b & 0x07) << 18 | (byte(i - 3) & 0x3F) << 12 | (byte(i - 2) & 0x3F) << 6 |
         (byte(i - 1) & 0x3F);
}

/// The code point that ends before text[i] (i > 0) of valid text; moves `i` to its beginning.
inline char32_t previous_char(std::string_view text, size_t& i) noexcept {
  do --i;
  while (i > 0 && is_continuation(text[i]));
  size_t at = i;
  return next_char(text, at);
}

/// Writes `c` to `out` (4 bytes of room); returns its length.
inline size_t put_char(char32_t c, char* out) noexcept {
  if (c < 0x80) return out[0] = static_cast<char>(c), 1;
  if (c < 0x800) {
    out[0] = static_cast<char>(0xC0 | c >> 6);
    out[1] = static_cast<char>(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = static_cast<char>(0xE0 | c >> 12);
    out[1] = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out[2] = static_cast<char>(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = static_cast<char>(0xF0 | c >> 18);
  out[1] = static_cast<char>(0x80 | (c >> 12 & 0x3F));
  out[2] = static_cast<char>(0x80 | (c >> 6 & 0x3F));
  out[3] = static_cast<char>(0x80 | (c & 0x3F));
  return 4;
}

inline void append_char(std::string& out, char32_t c) {
  char bytes[4];
  out.append(bytes, put_char(c, bytes));
}

/// The value of a hexadecimal digit; -1 when `c` is none.
constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Number of code points of valid text.
size_t count_chars(std::string_view text) noexcept;

}  // namespace tern::text
