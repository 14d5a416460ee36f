// SPDX-License-Identifier: Apache-2.0
// Normalized: a text on its way through the normalizers, with the way back to the original.
// Rewriter replaces its characters one by one, keeping the origins as the reference does.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../unicode/unicode.h"

namespace tern::text {

/// `text` is UTF-8. When tracked, origin[i] tells which code point of the original text byte i
/// stands for: n >= 0 is code point n; -1 - n is the empty place before code point n (a character
/// inserted at the very beginning). All bytes of a character have the same origin.
struct Normalized {
  std::string text;
  std::vector<int32_t> origin;
  bool tracked = false;
  /// Code point of the original at which this piece begins.
  int32_t begin = 0;
  /// Nothing of the original text stands before this piece. Kept without tracking.
  bool begins_original = true;

  /// A piece of the original text that begins at code point `begin_char`.
  void assign(std::string_view piece, int32_t begin_char, bool track);
  /// Bytes [begin, end) of another one.
  void assign(const Normalized& other, size_t from, size_t to);
  /// The original code points [first, second) that bytes [from, to) stand for; from < to.
  std::pair<int32_t, int32_t> origin_of(size_t from, size_t to) const noexcept;
};

/// Writes a new text for `source` from front to back; finish() puts it in place.
class Rewriter {
 public:
  explicit Rewriter(Normalized& source);

  bool done() const noexcept { return at_ >= source_.text.size(); }
  /// The next source character.
  char32_t peek() const noexcept;
  /// Its bytes; valid until the next call.
  std::string_view peek_bytes() const noexcept;
  /// Takes the next source character over as it is; returns its length in bytes.
  size_t keep();
  /// `c` takes the place of the next source character.
  void replace(char32_t c);
  /// `c` is inserted; it stands where the source character before it stands.
  void insert(char32_t c);
  /// The next source character is dropped.
  void skip();
  void apply(const Change& change);
  /// Bytes [at, at + size) of the source go; the characters of `content` stand where the last of
  /// them stood.
  void replace_bytes(size_t size, std::string_view content);
  void finish();

 private:
  void put(char32_t c, int32_t origin);

  Normalized& source_;
  size_t at_ = 0;  // next byte of the source
  std::string text_;
  std::vector<int32_t> origin_;
};

}  // namespace tern::text
