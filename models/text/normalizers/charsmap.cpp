// SPDX-License-Identifier: Apache-2.0
// Reading and searching; see charsmap.h. Units as darts-clone lays them out: bits 0-7 the label, 8
// "a value follows", 9 and 10-30 the offset to the children; a value is a unit without bit 31.
#include "charsmap.h"

#include <bit>
#include <cstring>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../base64.h"

namespace tern::text {

namespace {

uint32_t read_u32(const char* p) {
  const auto byte = [&](int i) { return uint32_t{static_cast<unsigned char>(p[i])} << (8 * i); };
  return byte(0) | byte(1) | byte(2) | byte(3);
}

uint32_t label_of(uint32_t unit) {
  return unit & 0x800000FF;
}

uint32_t offset_of(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, std::string_view where) {
  if (blob.empty()) return;
  const size_t bytes = blob.size() < 4 ? 0 : read_u32(blob.data());
  if (blob.size() < 4 || bytes > blob.size() - 4 || bytes % 4 != 0) {
    fail(ErrorCode::corrupt, cat(where, ": a charsmap of ", blob.size(),
                                 " bytes says that its trie has ", bytes, " bytes"));
  }
  units_.resize(bytes / 4);
  for (size_t i = 0; i < units_.size(); ++i) units_[i] = read_u32(blob.data() + 4 + 4 * i);
  texts_ = blob.substr(4 + bytes);
  texts_.push_back('\0');
}

Charsmap Charsmap::from_base64(std::string_view base64, std::string_view where) {
  return Charsmap(decode_base64(base64, where), where);
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const noexcept {
  if (units_.empty()) return std::nullopt;
  size_t node = offset_of(units_[0]);
  for (const char c : text) {
    const uint32_t byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label_of(units_[node]) != byte) return std::nullopt;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if ((unit >> 8 & 1) == 0) continue;
    const size_t at = node < units_.size() ? units_[node] & 0x7FFFFFFF : texts_.size();
    if (at >= texts_.size()) return std::nullopt;
    return std::string_view(texts_.c_str() + at);
  }
  return std::nullopt;
}

}  // namespace tern::text
