// SPDX-License-Identifier: Apache-2.0
// Validation and repair of UTF-8; see utf8.h.
#include "utf8.h"

#include <cstring>

namespace tern::text {

namespace {

/// How far a character at text[i] goes and whether it is well formed: `length` bytes are consumed
/// either way (for an ill-formed one, its maximal subpart).
struct Step {
  size_t length;
  bool valid;
};

Step step(std::string_view text, size_t i) noexcept {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
  unsigned char low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t k = 1; k < length; ++k) {
    if (i + k >= text.size() || byte(i + k) < low || byte(i + k) > high) return {k, false};
    low = 0x80, high = 0xBF;
  }
  return {length, true};
}

/// First position from `i` on that is no ASCII byte, eight bytes at a time.
size_t skip_ascii(std::string_view text, size_t i) noexcept {
  while (i + 8 <= text.size()) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u) break;
    i += 8;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

size_t first_invalid(std::string_view text) noexcept {
  size_t i = skip_ascii(text, 0);
  while (i < text.size()) {
    const Step s = step(text, i);
    if (!s.valid) return i;
    i += s.length;
    if (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) i = skip_ascii(text, i);
  }
  return i;
}

}  // namespace

std::string_view valid_utf8(std::string_view text, std::string& scratch) {
  size_t i = first_invalid(text);
  if (i == text.size()) return text;
  scratch.assign(text.substr(0, i));
  while (i < text.size()) {
    const Step s = step(text, i);
    if (s.valid)
      scratch.append(text.substr(i, s.length));
    else
      scratch.append("\xEF\xBF\xBD");
    i += s.length;
  }
  return scratch;
}

size_t count_chars(std::string_view text) noexcept {
  size_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0u : 1u;
  return count;
}

}  // namespace tern::text
