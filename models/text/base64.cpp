// SPDX-License-Identifier: Apache-2.0
// Base64; see base64.h.
#include "base64.h"

#include <cstdint>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::text {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string decode_base64(std::string_view base64, std::string_view where) {
  while (!base64.empty() && base64.back() == '=') base64.remove_suffix(1);
  std::string out;
  out.reserve(base64.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  for (size_t i = 0; i < base64.size(); ++i) {
    const int digit = digit_of(base64[i]);
    if (digit < 0) fail(ErrorCode::corrupt, cat(where, ": character ", i, " is not base64"));
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 0) out.push_back(static_cast<char>(bits >> (6 - 2 * (i % 4))));
  }
  return out;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() / 3 * 4 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = i; k < i + 3; ++k) {
      bits = bits << 8 | (k < bytes.size() ? static_cast<uint8_t>(bytes[k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kAlphabet[bits >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

}  // namespace tern::text
