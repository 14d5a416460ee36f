// SPDX-License-Identifier: Apache-2.0
// Which characters are inert; see nfc_check.h.
#include "nfc_check.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "unicode.h"

namespace tern::text {

namespace {

/// Marks and conjoining Hangul letters may compose with what is before them.
bool computes_inert(char32_t c) {
  if (c < 0x300) return true;
  if ((c >= 0xD800 && c < 0xE000) || (c >= 0x1160 && c <= 0x11FF)) return false;
  if ((char_class(c) & (kMark9 | kCombines9)) != 0) return false;
  if (!decomposes(c)) return true;
  std::string text;
  append_char(text, c);
  std::vector<Change> form;
  normal_form(text, NormalForm::nfc, form);
  return form.size() == 1 && form[0].c == c;
}

}  // namespace

bool NfcCheck::is_nfc(std::string_view text) const {
  for (size_t i = 0; i < text.size();) {
    uint64_t eight = 0;
    if (i + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + i, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    const char32_t c = next_char(text, i);
    if (!inert_.page_of(c, computes_inert)[c & 0xFF]) return false;
  }
  return true;
}

}  // namespace tern::text
