// SPDX-License-Identifier: Apache-2.0
// Words, lines and numbers of plain text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tern::text {

/// For each word between single blanks.
template <class Use>
void each_word(std::string_view words, const Use& use) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    use(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

/// The next line without its end; false when there is none.
inline bool next_line(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = std::min(text.find('\n'), text.size());
  line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

/// One to nine decimal digits: an id or a rank.
inline std::optional<int64_t> small_number(std::string_view digits) {
  if (digits.empty() || digits.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// "key=default".
struct KeyDefault {
  std::string_view key, fallback;
  explicit KeyDefault(std::string_view text)
      : key(text.substr(0, text.find('='))),
        fallback(key.size() < text.size() ? text.substr(key.size() + 1) : std::string_view()) {}
};

}  // namespace tern::text
