// SPDX-License-Identifier: Apache-2.0
// Filling and searching the table of pieces; see piece_table.h.
#include "piece_table.h"

#include <algorithm>
#include <bit>

#include "../unicode/utf8.h"

namespace tern::text {

namespace {

constexpr size_t kShort = 16, kBuckets = 4096;

}  // namespace

size_t PieceTable::bucket_of(const char* bytes) noexcept {
  uint32_t key = 0;
  std::memcpy(&key, bytes, 3);
  return (key * 0x9E3779B1u) >> 20;
}

void PieceTable::reserve(size_t count) {
  const size_t capacity = std::bit_ceil(count * 3 / 2 + 2);
  slots_.assign(capacity, {});
  mask_ = capacity - 1;
  shift_ = 64 - static_cast<int>(std::bit_width(mask_));
  seed_ = random_seed();
  lengths_.assign(kBuckets, 0);
}

void PieceTable::add(std::string_view piece, int32_t id) {
  if (piece.size() >= 3) lengths_[bucket_of(piece.data())] |= uint64_t{1} << piece.size();
  const bool nul = piece.find('\0') != std::string_view::npos;
  odd_ = odd_ || nul;
  if (nul || piece.size() > kShort) return long_.add(piece, id);
  char bytes[kShort] = {};
  piece.copy(bytes, kShort);
  const ShortWord word = ShortWord::load(bytes, piece.size());
  size_t i = slot_of(word);
  while (slots_[i].id >= 0) i = (i + 1) & mask_;
  slots_[i] = {word, id};
}

int32_t PieceTable::find(std::string_view text, const char* padded, size_t size) const noexcept {
  // A NUL at the end would pass for padding; one before another byte is in no short key.
  const bool nul = text[size - 1] == '\0' || (odd_ && text.substr(0, size).find('\0') != text.npos);
  const bool is_long = size > kShort || nul;
  return is_long ? long_.find(text.substr(0, size)) : find(ShortWord::load(padded, size));
}

PieceTable::Hit PieceTable::longest(std::string_view text) const noexcept {
  char copy[kShort] = {};
  const char* padded = text.data();
  if (text.size() < kShort) {
    text.copy(copy, kShort);
    padded = copy;
  }
  // Pieces of one and two bytes are too many for the filter to help.
  uint64_t lengths = 6 | (text.size() >= 3 ? lengths_[bucket_of(text.data())] : 0);
  if (text.size() < kMaxPiece) lengths &= (uint64_t{2} << text.size()) - 1;
  while (lengths != 0) {
    const auto size = static_cast<size_t>(std::bit_width(lengths) - 1);
    lengths &= ~(uint64_t{1} << size);
    if (size < text.size() && is_continuation(text[size])) continue;
    const int32_t id = find(text, padded, size);
    if (id >= 0) return {id, size};
  }
  return {-1, 0};
}

}  // namespace tern::text
