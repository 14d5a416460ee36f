// SPDX-License-Identifier: Apache-2.0
// GGUF files made by hand, byte by byte, so that any rule can be broken.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/gguf.h"
#include "little_endian.h"

namespace tern::test {

inline std::string u32(uint64_t value) {
  return little(value, 4);
}
inline std::string u64(uint64_t value) {
  return little(value, 8);
}
inline std::string gguf_string(std::string_view text) {
  return u64(text.size()) + std::string(text);
}

/// A metadata entry whose value is given as bytes.
inline std::string entry(std::string_view key, uint32_t type, std::string_view value) {
  return gguf_string(key) + u32(type) + std::string(value);
}
inline std::string array_value(uint32_t element, uint64_t count, std::string_view elements) {
  return u32(element) + u64(count) + std::string(elements);
}
inline std::string tensor_entry(std::string_view name, std::initializer_list<uint64_t> dims,
                                uint32_t type, uint64_t offset) {
  std::string out = gguf_string(name) + u32(dims.size());
  for (const uint64_t dim : dims) out += u64(dim);
  return out + u32(type) + u64(offset);
}

/// The parts of a file; counts are those given unless a test says otherwise.
struct GgufBytes {
  std::vector<std::string> entries = {}, tensors = {};
  size_t data = 0;  // bytes behind the header, which is padded before them
  size_t alignment = 32;
  uint32_t version = 3;

  std::string made() const {
    std::string out = "GGUF" + u32(version) + u64(tensors.size()) + u64(entries.size());
    for (const std::string& e : entries) out += e;
    for (const std::string& t : tensors) out += t;
    if (data > 0) out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + std::string(data, '\x5A');
  }
};

/// What comes back has views of `file`.
inline hub::GgufHeader parse_gguf_bytes(std::string_view file) {
  return hub::parse_gguf(as_bytes(file), "model.gguf");
}

}  // namespace tern::test
