// SPDX-License-Identifier: Apache-2.0
// Properties and case of characters as Python's str has them; see python_text.h.
#include <algorithm>
#include <array>
#include <iterator>

#include "../unicode/utf8.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

constexpr uint32_t kFlagSteps[] = {
#include "char_flags_table.inc"
};

enum Case : uint32_t { kToLower, kToUpper, kToTitle };

struct Run {
  uint32_t kind, first, count, stride;
  int32_t distance;
};
constexpr Run kRuns[] = {
#include "char_case.inc"
};

struct Several {
  uint32_t kind, c;
  std::array<char32_t, 3> to;
};
constexpr Several kSeveral[] = {
#include "char_case_several.inc"
};

constexpr char32_t kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2;

void append_case(std::string& out, char32_t c, Case to) {
  if (c < 0x80) {
    const bool change = to == kToLower ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
    out += static_cast<char>(change ? c ^ 0x20 : c);
    return;
  }
  const auto key = std::pair(uint32_t{to}, static_cast<uint32_t>(c));
  const auto* after =
      std::upper_bound(std::begin(kRuns), std::end(kRuns), key,
                       [](const auto& k, const Run& r) { return k < std::pair(r.kind, r.first); });
  // Runs of stride 2 interleave, so that the one before may hold it too.
  for (const Run* r = after; r != std::begin(kRuns) && after - r < 2;) {
    --r;
    const uint32_t d = static_cast<uint32_t>(c) - r->first;
    if (r->kind == to && d % r->stride == 0 && d / r->stride < r->count) {
      text::append_char(out, static_cast<char32_t>(static_cast<int32_t>(c) + r->distance));
      return;
    }
  }
  const auto* several =
      std::lower_bound(std::begin(kSeveral), std::end(kSeveral), key,
                       [](const Several& s, const auto& k) { return std::pair(s.kind, s.c) < k; });
  if (several == std::end(kSeveral) || several->kind != to || several->c != c) {
    text::append_char(out, c);
    return;
  }
  for (const char32_t x : several->to) {
    if (x) text::append_char(out, x);
  }
}

bool cased(char32_t c) noexcept {
  return (char_flags(c) & (kLower | kUpper | kTitle)) != 0;
}

/// A capital sigma at text[at] is final: a cased letter before it and none after it, whatever may
/// be ignored between.
bool final_sigma(std::string_view text, size_t at, size_t after) noexcept {
  bool before = false;
  while (at > 0) {
    const char32_t c = text::previous_char(text, at);
    if (char_flags(c) & kCaseIgnorable) continue;
    before = cased(c);
    break;
  }
  while (before && after < text.size()) {
    const char32_t c = text::next_char(text, after);
    if (!(char_flags(c) & kCaseIgnorable)) return !cased(c);
  }
  return before;
}

/// The character at text[i], in lower case; moves `i` past it.
void append_lower(std::string& out, std::string_view text, size_t& i) {
  const size_t at = i;
  const char32_t c = text::next_char(text, i);
  if (c == kCapitalSigma && final_sigma(text, at, i)) {
    text::append_char(out, kFinalSigma);
  } else {
    append_case(out, c, kToLower);
  }
}

}  // namespace

uint32_t char_flags(char32_t c) noexcept {
  const uint32_t key = static_cast<uint32_t>(c) << 11 | 0x7FF;
  const auto* after = std::upper_bound(std::begin(kFlagSteps), std::end(kFlagSteps), key);
  return after == std::begin(kFlagSteps) ? 0 : *(after - 1) & 0x7FF;
}

std::string lower(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) append_lower(out, text, i);
  return out;
}

std::string upper(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) append_case(out, text::next_char(text, i), kToUpper);
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  size_t i = 0;
  if (!text.empty()) append_case(out, text::next_char(text, i), kToTitle);
  while (i < text.size()) append_lower(out, text, i);
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    size_t next = i;
    const char32_t c = text::next_char(text, next);
    if (inside) {
      append_lower(out, text, i);
    } else {
      append_case(out, c, kToTitle);
    }
    i = next;
    inside = cased(c);
  }
  return out;
}

std::string swapcase(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t next = i;
    const char32_t c = text::next_char(text, next);
    const uint32_t flags = char_flags(c);
    if (flags & kUpper) {
      append_lower(out, text, i);
    } else if (flags & kLower) {
      append_case(out, c, kToUpper);
    } else {
      text::append_char(out, c);
    }
    i = next;
  }
  return out;
}

bool all_have(std::string_view text, uint32_t flags) noexcept {
  for (size_t i = 0; i < text.size();) {
    if (!(char_flags(text::next_char(text, i)) & flags)) return false;
  }
  return !text.empty();
}

bool is_lower(std::string_view text) noexcept {
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const uint32_t flags = char_flags(text::next_char(text, i));
    if (flags & (kUpper | kTitle)) return false;
    any |= (flags & kLower) != 0;
  }
  return any;
}

bool is_upper(std::string_view text) noexcept {
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const uint32_t flags = char_flags(text::next_char(text, i));
    if (flags & (kLower | kTitle)) return false;
    any |= (flags & kUpper) != 0;
  }
  return any;
}

bool is_title(std::string_view text) noexcept {
  bool any = false, inside = false;
  for (size_t i = 0; i < text.size();) {
    const uint32_t flags = char_flags(text::next_char(text, i));
    if (flags & (kUpper | kTitle)) {
      if (inside) return false;
      any = inside = true;
    } else if (flags & kLower) {
      if (!inside) return false;
    } else {
      inside = false;
    }
  }
  return any;
}

}  // namespace tern::jinja
