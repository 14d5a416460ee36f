// SPDX-License-Identifier: Apache-2.0
// Unicode properties as the reference's components see them. The versions differ on purpose:
// punctuation, controls and Mn are of 8.0 (Bert, Punctuation), normal forms and marks of 9.0, \w of
// 16.0, lower case and numbers of 17.0. Tables: unicode_*.inc, expanded once per process at first
// use.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "utf8.h"

namespace tern::text {

/// Bits of char_class(), as tools/unicode_tables.py packs them.
enum CharClass : uint16_t {
  kPunctuation8 = 1,  // P* or ASCII punctuation
  kOther8 = 2,        // Cc, Cf, Co
  kNonspacing8 = 4,   // Mn
  kMark9 = 8,         // M*
  kCombines9 = 16,    // canonical combining class is not 0
  kWord16 = 32,       // \w
  kNumeric17 = 64,    // N*
  kLetter16 = 128,    // L*
  kNumber16 = 256,    // N*
};

uint16_t char_class(char32_t c) noexcept;

/// White_Space (the same in all versions concerned).
inline bool is_white_space(char32_t c) noexcept {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Simple lower case; U+0130, the only character with a longer one, gives 'i' (U+0307 follows it).
char32_t to_lower(char32_t c) noexcept;

/// Canonical combining class.
uint8_t combining_class(char32_t c) noexcept;

/// Full canonical (compatibility with `compat`) decomposition, not reordered; at most 18
/// characters.
struct Decomposition {
  std::array<char32_t, 18> chars;
  size_t size;
};
Decomposition decompose(char32_t c, bool compat);
/// False when decompose(c, false) is c itself.
bool decomposes(char32_t c) noexcept;

/// The primary composite of a pair, or 0.
char32_t compose(char32_t first, char32_t second) noexcept;

/// One character of a rewritten text. `change`: 0 it takes the place of the next source character;
/// 1 it is inserted, and stands where its predecessor stood; -n it takes the place of the next
/// source character and swallows n more.
struct Change {
  char32_t c;
  int32_t change;
};

enum class NormalForm { nfd, nfkd, nfc, nfkc };

/// The text in a normal form.
void normal_form(std::string_view text, NormalForm form, std::vector<Change>& out);

}  // namespace tern::text
