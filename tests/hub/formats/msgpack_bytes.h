// SPDX-License-Identifier: Apache-2.0
// MessagePack, and the arrays that Flax puts in it, made by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern::test::packed {

/// The low `bytes` bytes of a number, the highest first.
inline std::string big(uint64_t number, size_t bytes) {
  std::string out;
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
  return out;
}

inline std::string head(unsigned byte) {
  return std::string(1, static_cast<char>(byte));
}

inline std::string text(std::string_view s) {
  return (s.size() < 32 ? head(0xA0 + static_cast<unsigned>(s.size()))
                        : head(0xDA) + big(s.size(), 2)) +
         std::string(s);
}

inline std::string binary(std::string_view s) {
  return head(0xC6) + big(s.size(), 4) + std::string(s);
}

inline std::string number(uint64_t n) {
  return n < 128 ? big(n, 1) : head(0xCF) + big(n, 8);
}

inline std::string list(const std::vector<std::string>& values) {
  std::string out = head(0xDC) + big(values.size(), 2);
  for (const std::string& value : values) out += value;
  return out;
}

inline std::string map(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out = head(0xDE) + big(pairs.size(), 2);
  for (const auto& [key, value] : pairs) out += text(key) + value;
  return out;
}

inline std::string extension(int type, std::string_view s) {
  return head(0xC9) + big(s.size(), 4) + head(static_cast<unsigned>(type) & 0xFF) + std::string(s);
}

inline std::string shape(const std::vector<uint64_t>& dims) {
  std::string out = head(0x90 + static_cast<unsigned>(dims.size()));
  for (const uint64_t dim : dims) out += number(dim);
  return out;
}

/// An array of `dtype`.
inline std::string array(const std::vector<uint64_t>& dims, std::string_view bytes,
                         std::string_view dtype = "float32") {
  return extension(1, list({shape(dims), text(dtype), binary(bytes)}));
}

inline std::string chunked(std::string_view dims, std::string_view chunks) {
  return map({{"__msgpack_chunked_array__", head(0xC3)},
              {"shape", std::string(dims)},
              {"chunks", std::string(chunks)}});
}

}  // namespace tern::test::packed
