// SPDX-License-Identifier: Apache-2.0
// Byte classes, scalar: the definition.

#include "text.h"

namespace tern::kernels {

static bool is_word(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_blank(uint8_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void classify(const uint8_t* text, int64_t blocks, uint64_t* word, uint64_t* blank) {
  for (int64_t b = 0; b < blocks; ++b, text += 64) {
    uint64_t w = 0, s = 0;
    for (int i = 0; i < 64; ++i) {
      w |= static_cast<uint64_t>(is_word(text[i])) << i;
      s |= static_cast<uint64_t>(is_blank(text[i])) << i;
    }
    word[b] = w;
    blank[b] = s;
  }
}

extern const TextTable text_generic;
const TextTable text_generic = {"text_generic", Isa::generic, classify};

}  // namespace tern::kernels
