// SPDX-License-Identifier: Apache-2.0
// The rules GB3 to GB999 of UAX 29; see graphemes.h.
#include "graphemes.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "utf8.h"

namespace tern::text {

namespace {

enum Class : uint8_t {
  kOther,
  kControl,
  kLinker,          // Extend, joins consonants (InCB=Linker)
  kZwj,             // InCB=Extend too
  kConjunctExtend,  // Extend, may stand between a consonant and a linker (InCB=Extend)
  kExtend,          // Extend, may not
  kRegional,
  kPrepend,
  kSpacing,
  kHangulL,
  kHangulV,
  kHangulT,
  kHangulLv,
  kHangulLvt,
  kPictograph,
  kConsonant,
};

struct Range {
  uint32_t first, last;
  Class kind;
};

constexpr Range kRanges[] = {
#include "graphemes.inc"
};

Class class_of(char32_t c) {
  if (c < 0x80) return c < 0x20 || c == 0x7F ? kControl : kOther;
  if (c >= 0xAC00 && c <= 0xD7A3) return (c - 0xAC00) % 28 == 0 ? kHangulLv : kHangulLvt;
  const Range* r = std::upper_bound(std::begin(kRanges), std::end(kRanges), c,
                                    [](char32_t x, const Range& range) { return x < range.first; });
  return r != kRanges && c <= (r - 1)->last ? (r - 1)->kind : kOther;
}

bool extends(Class c) {
  return c == kLinker || c == kZwj || c == kConjunctExtend || c == kExtend;
}

/// What a cluster up to here tells about the next character.
struct State {
  Class last;
  bool pictograph;  // Pictograph Extend* (then ZWJ)
  bool consonant;   // Consonant [Extend Linker]*
  bool linked;      // … with a Linker among them
  bool odd;         // an odd number of regional indicators

  explicit State(Class c)
      : last(c),
        pictograph(c == kPictograph),
        consonant(c == kConsonant),
        linked(false),
        odd(c == kRegional) {}

  bool joins(Class next) const {
    if (last == kControl || next == kControl) return false;            // GB4, GB5
    if (last == kHangulL && next >= kHangulL && next <= kHangulLvt) {  // GB6
      return next != kHangulT;
    }
    if ((last == kHangulLv || last == kHangulV) && next == kHangulV) return true;  // GB7
    if (last >= kHangulV && last <= kHangulLvt && next == kHangulT) return true;   // GB7, GB8
    if (extends(next) || next == kSpacing || last == kPrepend) return true;        // GB9, 9a, 9b
    if (consonant && linked && next == kConsonant) return true;                    // GB9c
    if (pictograph && last == kZwj && next == kPictograph) return true;            // GB11
    return last == kRegional && odd && next == kRegional;                          // GB12, GB13
  }

  void add(Class c) {
    pictograph = c == kPictograph || (pictograph && last != kZwj && extends(c));
    consonant = c == kConsonant || (consonant && extends(c) && c != kExtend);
    linked = consonant && c != kConsonant && (linked || c == kLinker);
    odd = c == kRegional && !odd;
    last = c;
  }
};

}  // namespace

size_t grapheme_end(std::string_view text, size_t from) noexcept {
  size_t at = from;
  const char32_t first = next_char(text, at);
  if (first == '\r' && at < text.size() && text[at] == '\n') return at + 1;  // GB3
  State state(class_of(first));
  while (at < text.size()) {
    size_t next = at;
    const Class c = class_of(next_char(text, next));
    if (!state.joins(c)) break;
    state.add(c);
    at = next;
  }
  return at;
}

}  // namespace tern::text
