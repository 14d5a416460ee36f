// SPDX-License-Identifier: Apache-2.0
// Runs of ASCII letters, measured eight bytes at a time: what scanners of patterns meet most.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tern::text {

/// How many bytes at `p` (8 are there) are ASCII letters; of lower case alone when `any_case` is
/// false.
inline size_t count_letters(const char* p, bool any_case) noexcept {
  static_assert(std::endian::native == std::endian::little);
  constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = kOnes << 7;
  uint64_t bytes = 0;
  std::memcpy(&bytes, p, sizeof bytes);
  const uint64_t low = (any_case ? bytes | kOnes << 5 : bytes) & ~kHighBits;
  const uint64_t from_a = low + (0x80 - 'a') * kOnes, above_z = low + (0x80 - 'z' - 1) * kOnes;
  const uint64_t others = (~(from_a & ~above_z) | bytes) & kHighBits;
  return others == 0 ? 8 : static_cast<size_t>(std::countr_zero(others)) / 8;
}

/// The end of the run of ASCII letters at `i`, or a place in it less than 8 bytes before the end of
/// the text.
inline size_t skip_ascii_letters(std::string_view text, size_t i, bool any_case = true) noexcept {
  while (i + 8 <= text.size()) {
    const size_t n = count_letters(text.data() + i, any_case);
    i += n;
    if (n < 8) break;
  }
  return i;
}

/// The same of all ASCII.
inline size_t skip_ascii(std::string_view text, size_t i) noexcept {
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + i, sizeof bytes);
    const uint64_t others = bytes & 0x8080808080808080;
    if (others != 0) return i + static_cast<size_t>(std::countr_zero(others)) / 8;
  }
  return i;
}

}  // namespace tern::text
