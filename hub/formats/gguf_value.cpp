// SPDX-License-Identifier: Apache-2.0
// Reading metadata values out of the file's bytes; see gguf.h. The parser has checked that they are
// well-formed.
#include <algorithm>
#include <cstring>

#include "../../engine/base/checked.h"
#include "gguf.h"

namespace tern::hub {

namespace {

template <class T>
T read(Bytes bytes) noexcept {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// The string that begins at `at`; moves `at` past it.
std::string_view take_string(Bytes file, size_t& at) noexcept {
  const auto length = static_cast<size_t>(read<uint64_t>(file.subspan(at)));
  const std::string_view text = as_text(file.subspan(at + 8, length));
  at += 8 + length;
  return text;
}

}  // namespace

Bytes GgufValue::bytes() const noexcept {
  return type_ == GgufType::array && gguf_width(element_) == 0 ? Bytes() : bytes_;
}

std::optional<Bytes> GgufValue::element(uint64_t i) const noexcept {
  const size_t width = gguf_width(element_);
  if (width == 0 || i >= size_) return std::nullopt;
  return bytes_.subspan(static_cast<size_t>(i) * width, width);
}

std::optional<int64_t> GgufValue::integer(uint64_t i) const noexcept {
  const auto at = element(i);
  if (!at) return std::nullopt;
  switch (element_) {
    case GgufType::u8:
      return read<uint8_t>(*at);
    case GgufType::i8:
      return read<int8_t>(*at);
    case GgufType::u16:
      return read<uint16_t>(*at);
    case GgufType::i16:
      return read<int16_t>(*at);
    case GgufType::u32:
      return read<uint32_t>(*at);
    case GgufType::i32:
      return read<int32_t>(*at);
    case GgufType::u64:
      return checked::cast<int64_t>(read<uint64_t>(*at));
    case GgufType::i64:
      return read<int64_t>(*at);
    default:
      return std::nullopt;
  }
}

std::optional<double> GgufValue::number(uint64_t i) const noexcept {
  const auto at = element(i);
  if (!at) return std::nullopt;
  if (element_ == GgufType::f32) return read<float>(*at);
  if (element_ == GgufType::f64) return read<double>(*at);
  if (element_ == GgufType::u64) return static_cast<double>(read<uint64_t>(*at));
  const auto value = integer(i);
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

std::optional<bool> GgufValue::boolean(uint64_t i) const noexcept {
  const auto at = element(i);
  if (!at || element_ != GgufType::boolean) return std::nullopt;
  return read<uint8_t>(*at) != 0;
}

std::optional<std::string_view> GgufValue::string() const noexcept {
  if (type_ != GgufType::string) return std::nullopt;
  return as_text(bytes_);
}

std::optional<std::vector<std::string_view>> GgufValue::strings() const {
  if (type_ != GgufType::array || element_ != GgufType::string) return std::nullopt;
  std::vector<std::string_view> out;
  out.reserve(static_cast<size_t>(size_));
  for (size_t at = 0; out.size() < size_;) out.push_back(take_string(bytes_, at));
  return out;
}

std::string_view GgufMetadata::key(size_t i) const noexcept {
  size_t at = entries_[i];
  return take_string(file_, at);
}

GgufValue GgufMetadata::value(size_t i) const noexcept {
  size_t at = entries_[i];
  take_string(file_, at);
  const auto type = static_cast<GgufType>(read<uint32_t>(file_.subspan(at)));
  at += 4;
  if (type == GgufType::string) {
    const std::string_view text = take_string(file_, at);
    return {type, type, 1, as_bytes(text)};
  }
  if (type != GgufType::array) return {type, type, 1, file_.subspan(at, gguf_width(type))};
  const auto element = static_cast<GgufType>(read<uint32_t>(file_.subspan(at)));
  const auto count = read<uint64_t>(file_.subspan(at + 4));
  // Where elements have no fixed width, the entry's end is not known here and not needed.
  const size_t width = gguf_width(element);
  const Bytes rest = file_.subspan(at + 12);
  return {type, element, count, width ? rest.first(static_cast<size_t>(count) * width) : rest};
}

std::optional<GgufValue> GgufMetadata::find(std::string_view key) const noexcept {
  size_t low = 0, high = entries_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (this->key(middle) < key)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == entries_.size() || this->key(low) != key) return std::nullopt;
  return value(low);
}

}  // namespace tern::hub
