// SPDX-License-Identifier: Apache-2.0
// ByteReader: a cursor over untrusted bytes. Every read is bounded; a read past the end returns
// nullopt and leaves the cursor where it was, so that a parser can be total.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace tern {

using Bytes = std::span<const std::byte>;

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  size_t offset() const noexcept { return offset_; }
  size_t remaining() const noexcept { return bytes_.size() - offset_; }

  /// A little-endian integer or float.
  template <class T>
  [[nodiscard]] std::optional<T> read() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  [[nodiscard]] std::optional<Bytes> take(uint64_t count) noexcept {
    if (count > remaining()) return std::nullopt;
    const Bytes out = bytes_.subspan(offset_, static_cast<size_t>(count));
    offset_ += static_cast<size_t>(count);
    return out;
  }

 private:
  Bytes bytes_;
  size_t offset_ = 0;
};

}  // namespace tern
