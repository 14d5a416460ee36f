// SPDX-License-Identifier: Apache-2.0
// Numbers of files made by hand.
#pragma once

#include <cstdint>
#include <string>

namespace tern::test {

/// The low `bytes` bytes of a number, the lowest first.
inline std::string little(uint64_t number, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(i < 8 ? number >> (8 * i) & 0xFF : 0));
  }
  return out;
}

}  // namespace tern::test
