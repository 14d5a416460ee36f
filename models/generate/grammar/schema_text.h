// SPDX-License-Identifier: Apache-2.0
// Parts of a JSON schema's grammar that do not depend on other parts, as text in GBNF.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::grammar {

/// The rules that all schemas share: ws, char, string, integer, number, boolean, null, array,
/// object, value (any JSON).
std::string_view shared_rules();

/// Of lengths and counts: no limit.
inline constexpr int64_t kUnbounded = INT64_MAX;
/// "{low,high}", with a high that a grammar can have.
std::string times(int64_t low, int64_t high);
/// A text as a literal.
std::string quoted(std::string_view text);
/// The alternatives of all integers from low to high, |x| ≤ 10^18, without leading zeros.
std::string integers(int64_t low, int64_t high);
struct Limit {
  int64_t value;
  bool exclusive;
};
/// The alternatives of numbers between two whole ones, without an exponent; empty: there are none.
/// Those above an exclusive end end with another digit than 0.
std::string numbers(Limit low, Limit high);
/// date, time, date-time or uuid between its quotes; empty for another format.
std::string of_format(std::string_view format);
/// A string, quotes included, that is none of `names`, and without escapes, which could spell one.
/// `add` gives a rule with such a body a name.
std::string key_except(const std::vector<std::string>& names,
                       const std::function<std::string(const std::string& body)>& add);

}  // namespace tern::grammar
