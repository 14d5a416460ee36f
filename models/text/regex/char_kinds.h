// SPDX-License-Identifier: Apache-2.0
// Kinds of characters that the known patterns tell apart, by Unicode 16.
#pragma once

#include <cstdint>
#include <string_view>

#include "../unicode/tables.h"
#include "../unicode/utf8.h"

namespace tern::text {

enum CharKind : uint8_t {
  kLetter = 1,      // \p{L}
  kDigit = 2,       // \p{N}
  kBlank = 4,       // \s
  kUpperLike = 8,   // Lu Lt Lm Lo M
  kLowerLike = 16,  // Ll Lm Lo M
  kMark = 32,       // \p{M}
  kBreak = 64,      // \r \n
};

class CharKinds {
 public:
  static const CharKinds& get();

  struct Found {
    uint8_t kind;
    size_t end;  // of the character
  };
  /// The character at text[i] of valid text.
  Found at(std::string_view text, size_t i) const noexcept {
    const auto b = static_cast<unsigned char>(text[i]);
    if (b < 0x80) return {kinds_.at_latin(b), i + 1};
    const char32_t c = next_char(text, i);
    return {kinds_[c], i};
  }

 private:
  CharKinds();
  PagedBytes kinds_;
};

}  // namespace tern::text
