// SPDX-License-Identifier: Apache-2.0
// Byte classes of text as bit masks, 64 bytes a mask: bit i of masks[b] is about byte 64 b + i.
// word: 0-9 A-Z a-z. blank: ' ', '\t', '\n', '\r'. `text` holds 64 * blocks bytes; any bytes are
// allowed.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct TextTable {
  const char* name;  // "text_avx512"
  Isa isa;
  void (*classify)(const uint8_t* text, int64_t blocks, uint64_t* word, uint64_t* blank);
};

Variants<TextTable> text_variants();

}  // namespace tern::kernels
