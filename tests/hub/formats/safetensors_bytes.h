// SPDX-License-Identifier: Apache-2.0
// Safetensors files made by hand, byte by byte, so that any rule can be broken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "../../../hub/formats/safetensors.h"
#include "little_endian.h"

namespace tern::test {

inline std::string length_bytes(uint64_t length) {
  return little(length, 8);
}

/// Length, header as given, and a buffer of `buffer` bytes.
inline std::string safetensors_bytes(std::string_view header, size_t buffer = 0) {
  return length_bytes(header.size()) + std::string(header) + std::string(buffer, '\x5A');
}

inline hub::SafetensorsHeader parse_safetensors_bytes(std::string_view file) {
  return hub::parse_safetensors(as_bytes(file), file.size(), "model.safetensors");
}

}  // namespace tern::test
