// SPDX-License-Identifier: Apache-2.0
// JSON as CPython's json module reads it: numbers of any size keep their text (10^30 in
// model_max_length), NaN and Infinity are values, of duplicate keys the last wins, a lone surrogate
// is kept as U+FFFD. Depth is limited to 1000. simdjson On-Demand does the parsing (json.cpp only);
// everything else reads this small immutable tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../engine/base/api.h"

namespace tern::hub {

class TERN_API Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };
  using Member = std::pair<std::string, Json>;

  Json() = default;

  /// Error corrupt names `what` (a file name) and the byte; the whole text must be one value.
  static Json parse(std::string_view text, std::string_view what);

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_object() const noexcept { return kind_ == Kind::object; }
  bool is_array() const noexcept { return kind_ == Kind::array; }
  bool is_string() const noexcept { return kind_ == Kind::string; }
  bool is_number() const noexcept { return kind_ == Kind::number; }
  bool is_boolean() const noexcept { return kind_ == Kind::boolean; }

  /// The member of that name (the last one of duplicates), or a null value that lives forever.
  const Json& operator[](std::string_view key) const noexcept;
  bool contains(std::string_view key) const noexcept;
  /// Members in file order, duplicates included (empty unless an object).
  const std::vector<Member>& members() const noexcept { return members_; }
  /// Elements (empty unless an array).
  const std::vector<Json>& elements() const noexcept { return elements_; }

  /// nullopt when it is of another kind; integers also when not integral or out of int64.
  std::optional<bool> boolean() const noexcept;
  std::optional<int64_t> integer() const noexcept;
  std::optional<double> number() const noexcept;
  std::optional<std::string_view> string() const noexcept;
  /// The number's text as written.
  std::string_view number_text() const noexcept { return text_; }

  /// Compact JSON text of this value.
  std::string dump() const;

  // To build values.
  static Json make(bool value);
  static Json make(int64_t value);
  static Json make(double value);
  static Json make(std::string_view value);
  static Json array(std::vector<Json> elements);
  static Json object(std::vector<Member> members);

 private:
  friend class JsonBuilder;
  Kind kind_ = Kind::null;
  bool boolean_ = false;
  std::string text_;  // string value, or a number as written
  std::vector<Json> elements_;
  std::vector<Member> members_;
};

/// The text as a JSON string literal with quotes (non-ASCII as it is; invalid UTF-8 as U+FFFD).
TERN_API std::string json_quote(std::string_view text);

}  // namespace tern::hub
