// SPDX-License-Identifier: Apache-2.0
// Arithmetic on numbers that come from a file or a caller. Every product and sum of such numbers
// goes through here: a result that does not fit is reported, never wrapped.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

namespace tern::checked {

template <class T>
[[nodiscard]] std::optional<T> mul(T a, T b) {
  static_assert(std::is_integral_v<T>);
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <class T>
[[nodiscard]] std::optional<T> add(T a, T b) {
  static_assert(std::is_integral_v<T>);
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// The value in the narrower or differently signed type, if it is representable there.
template <class To, class From>
[[nodiscard]] std::optional<To> cast(From value) {
  static_assert(std::is_integral_v<To> && std::is_integral_v<From>);
  To out;
  if (__builtin_add_overflow(value, From{0}, &out)) return std::nullopt;
  return out;
}

}  // namespace tern::checked
