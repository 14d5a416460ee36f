// SPDX-License-Identifier: Apache-2.0
// cat(a, b, …): the pieces of a message, joined. gcc 12 and clang 14 have no std::format.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>

namespace tern {

namespace detail {
inline void append(std::string& out, std::string_view text) { out.append(text); }
template <class T>
  requires(std::is_same_v<T, bool>)
void append(std::string& out, T value) {
  out.append(value ? "true" : "false");  // a template, or every char array would convert to bool
}
template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>)
void append(std::string& out, T value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}
}  // namespace detail

template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

}  // namespace tern
