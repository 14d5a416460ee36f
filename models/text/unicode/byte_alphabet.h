// SPDX-License-Identifier: Apache-2.0
// The alphabet in which byte-level tokenizers write bytes (GPT-2's bytes_to_unicode): printable
// Latin-1 characters stand for themselves, the other 68 bytes for U+0100 … U+0143 in order.
#pragma once

#include <cstdint>

namespace tern::text {

/// 33-126, 161-172 and 174-255: the bytes that stand for themselves.
constexpr bool is_own_character(uint8_t byte) noexcept {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

constexpr char32_t character_of_byte(uint8_t byte) noexcept {
  if (is_own_character(byte)) return byte;
  if (byte <= 0x20) return 0x100u + byte;
  if (byte <= 0xA0) return 0x100u + 0x21 + (byte - 0x7Fu);
  return 0x143;
}

/// -1 when `c` stands for no byte.
constexpr int byte_of_character(char32_t c) noexcept {
  if (c <= 0xFF) return is_own_character(static_cast<uint8_t>(c)) ? static_cast<int>(c) : -1;
  if (c <= 0x120) return static_cast<int>(c - 0x100);
  if (c <= 0x142) return static_cast<int>(c - 0x121 + 0x7F);
  return c == 0x143 ? 0xAD : -1;
}

}  // namespace tern::text
