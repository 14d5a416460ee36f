// SPDX-License-Identifier: Apache-2.0
#include "msgpack.h"

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::hub {

using Kind = MsgpackValue::Kind;

void MsgpackReader::reject(std::string_view problem) const {
  fail(ErrorCode::corrupt, cat(what_, ": byte ", offset(), ": ", problem));
}

Bytes MsgpackReader::take(uint64_t count) {
  if (count > left()) {
    reject(cat(count, " bytes are announced, ", left(), " are there: an incomplete download?"));
  }
  const Bytes out = bytes_.subspan(at_, static_cast<size_t>(count));
  at_ += static_cast<size_t>(count);
  return out;
}

/// Big-endian, of 1, 2, 4 or 8 bytes.
uint64_t MsgpackReader::number(size_t width) {
  uint64_t value = 0;
  for (const std::byte b : take(width)) value = value << 8 | static_cast<uint64_t>(b);
  return value;
}

/// Every element takes a byte at least, every pair two.
MsgpackValue MsgpackReader::container(Kind kind, uint64_t count) const {
  if (count > left() / (kind == Kind::map ? 2 : 1)) {
    reject(cat("a ", kind == Kind::map ? "map" : "list", " of ", count, ", but the file ends ",
               left(), " bytes on: an incomplete download?"));
  }
  return {.kind = kind, .count = count};
}

/// What says its length: 0xC4 to 0xC9 (binary, extension), 0xD4 to 0xDF (the rest).
MsgpackValue MsgpackReader::counted(uint8_t head) {
  const auto extension = [&](uint64_t length) {
    const auto type = static_cast<int8_t>(number(1));
    return MsgpackValue{.kind = Kind::extension, .type = type, .bytes = take(length)};
  };
  if (head <= 0xC6)
    return {.kind = Kind::binary, .bytes = take(number(size_t{1} << (head - 0xC4)))};
  if (head <= 0xC9) return extension(number(size_t{1} << (head - 0xC7)));
  if (head <= 0xD8) return extension(uint64_t{1} << (head - 0xD4));
  if (head <= 0xDB) return {.kind = Kind::text, .bytes = take(number(size_t{1} << (head - 0xD9)))};
  if (head <= 0xDD) return container(Kind::array, number(size_t{2} << (head - 0xDC)));
  return container(Kind::map, number(size_t{2} << (head - 0xDE)));
}

/// 0xCA to 0xD3: floating, unsigned, signed.
MsgpackValue MsgpackReader::scalar(uint8_t head) {
  if (head <= 0xCB) {
    take(size_t{4} << (head - 0xCA));
    return {.kind = Kind::floating};
  }
  if (head <= 0xCF) {
    return {.kind = Kind::unsigned_integer, .count = number(size_t{1} << (head - 0xCC))};
  }
  const size_t width = size_t{1} << (head - 0xD0);
  const uint64_t value = number(width);
  const bool negative = value >> (8 * width - 1) != 0;
  if (negative) return {.kind = Kind::negative_integer};
  return {.kind = Kind::unsigned_integer, .count = value};
}

MsgpackValue MsgpackReader::next() {
  const auto head = static_cast<uint8_t>(number(1));
  if (head <= 0x7F) return {.kind = Kind::unsigned_integer, .count = head};
  if (head <= 0x8F) return container(Kind::map, head & 0x0Fu);
  if (head <= 0x9F) return container(Kind::array, head & 0x0Fu);
  if (head <= 0xBF) return {.kind = Kind::text, .bytes = take(head & 0x1Fu)};
  if (head >= 0xE0) return {.kind = Kind::negative_integer};
  switch (head) {
    case 0xC0:
      return {};
    case 0xC1:
      reject("0xC1, which MessagePack never uses");
    case 0xC2:
    case 0xC3:
      return {.kind = Kind::boolean, .flag = head == 0xC3};
    default:
      return head >= 0xCA && head <= 0xD3 ? scalar(head) : counted(head);
  }
}

void MsgpackReader::skip_inside(const MsgpackValue& value) {
  const auto inside = [](const MsgpackValue& v) -> uint64_t {
    return v.is(Kind::map) ? 2 * v.count : v.is(Kind::array) ? v.count : 0;
  };
  for (uint64_t pending = inside(value); pending > 0; --pending) {
    if (pending > left()) reject("lists that end behind the end of the file");
    pending += inside(next());
  }
}

}  // namespace tern::hub
