// SPDX-License-Identifier: Apache-2.0
// The table of character kinds; see char_kinds.h.
#include "char_kinds.h"

#include <string>

#include "../unicode/properties.h"
#include "../unicode/unicode.h"

namespace tern::text {

namespace {

uint8_t kind_of(std::string_view category) {
  if (category == "ll") return kLetter | kLowerLike;
  if (category == "lu" || category == "lt") return kLetter | kUpperLike;
  if (category[0] == 'l') return kLetter | kUpperLike | kLowerLike;
  if (category[0] == 'm') return kMark | kUpperLike | kLowerLike;
  return category[0] == 'n' ? kDigit : 0;
}

}  // namespace

CharKinds::CharKinds() {
  std::string kinds(0x110000, '\0');
  for (const PropertyRun& run : category_runs()) {
    const auto kind = static_cast<char>(kind_of(kCategories[run.value]));
    for (char32_t c = run.begin; c < run.end; ++c) kinds[c] = kind;
  }
  for (char32_t c = 0; c < 0x3001; ++c) {
    if (is_white_space(c)) kinds[c] = static_cast<char>(kinds[c] | kBlank);
  }
  kinds['\n'] = kinds['\r'] = kBlank | kBreak;
  kinds_.assign(kinds);
}

const CharKinds& CharKinds::get() {
  static const CharKinds kinds;
  return kinds;
}

}  // namespace tern::text
