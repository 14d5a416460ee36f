// SPDX-License-Identifier: Apache-2.0
#include "lower_case.h"

#include "text/unicode/unicode.h"

namespace tern {

std::string lower_case(std::string_view text) {
  constexpr char32_t kDottedI = 0x130, kDotAbove = 0x307;  // the only character that becomes two
  std::string repaired, out;
  text = text::valid_utf8(text, repaired);
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const char32_t c = text::next_char(text, i);
    text::append_char(out, text::to_lower(c));
    if (c == kDottedI) text::append_char(out, kDotAbove);
  }
  return out;
}

}  // namespace tern
