// SPDX-License-Identifier: Apache-2.0
// Computing what becomes of a character; see bert_chars.h.
#include "bert_chars.h"

namespace tern::text {

Decomposition BertChars::several(char32_t c) const {
  const Decomposition all = rules_.strip_accents ? decompose(c, false) : Decomposition{{c}, 1};
  Decomposition out;
  out.size = 0;
  for (size_t i = 0; i < all.size; ++i) {
    const char32_t x = all.chars[i];
    if (rules_.strip_accents && (char_class(x) & kNonspacing8)) continue;
    out.chars[out.size++] = rules_.lowercase ? to_lower(x) : x;
    if (rules_.lowercase && x == 0x130) out.chars[out.size++] = 0x307;
  }
  return out;
}

BertChars::Record BertChars::compute(char32_t c) const {
  const uint16_t bits = char_class(c);
  if (rules_.clean_text && is_bert_removed(c, bits)) return {kRemoved, 0};
  if (is_white_space(c)) return {kSpace, 0};
  if (c == 0)
    return {kRare, 0};  // the zero-padded keys of PieceTable cannot tell it from their padding
  const Decomposition chars = several(c);
  // Marks that survive the stripping would be put into canonical order with their neighbours.
  const Decomposition parts = decompose(c, false);
  for (size_t i = 0; i < parts.size; ++i) {
    const char32_t x = parts.chars[i];
    const bool strips = rules_.strip_accents;
    if (strips && (char_class(x) & kCombines9) && !(char_class(x) & kNonspacing8))
      return {kRare, 0};
  }
  if (chars.size == 0) return {kRemoved, 0};
  bool plain = true;
  for (size_t i = 0; i < chars.size; ++i) {
    plain =
        plain && !(char_class(chars.chars[i]) & kPunctuation8) && !is_white_space(chars.chars[i]);
  }
  const bool alone = rules_.handle_chinese_chars && is_bert_ideograph(c);
  if (chars.size > 1) return {plain && !alone ? kSeveral : kRare, 0};
  if (alone && !plain) return {kRare, 0};
  return {alone || !plain ? kAlone : kLetter, static_cast<uint32_t>(chars.chars[0] & 0xFFFFFF)};
}

}  // namespace tern::text
