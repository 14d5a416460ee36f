// SPDX-License-Identifier: Apache-2.0
// JSON as CPython's json module reads it: numbers of any size keep their text (10^30 in
// model_max_length), NaN, Infinity and -Infinity are numbers, 1e400 is infinite, of duplicate keys
// the last wins. Where it differs: a lone surrogate becomes U+FFFD (our strings are UTF-8) and
// invalid UTF-8 and a byte order mark are rejected. Containers nest at most 1000 deep; no operation
// on the tree recurses, so a thread's stack may be small. simdjson On-Demand finds the structure,
// walked once (json.cpp only); what it cannot read (NaN, 1e400, integers over 64 bits, lone
// surrogates) is why scalars are decoded by json_text.h. Everything else reads this immutable tree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "../../engine/base/api.h"

namespace tern::hub {

class TERN_API Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };
  using Member = std::pair<std::string, Json>;

  Json() = default;
  Json(const Json& other);
  Json(Json&& other) noexcept = default;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept = default;
  ~Json() {
    if (kind() >= Kind::array && !shallow()) dismantle();
  }

  /// Error corrupt names `what` (a file name) and the byte; the whole text must be one value.
  static Json parse(std::string_view text, std::string_view what);

  Kind kind() const noexcept { return static_cast<Kind>(value_.index()); }
  bool is_null() const noexcept { return kind() == Kind::null; }
  bool is_object() const noexcept { return kind() == Kind::object; }
  bool is_array() const noexcept { return kind() == Kind::array; }
  bool is_string() const noexcept { return kind() == Kind::string; }
  bool is_number() const noexcept { return kind() == Kind::number; }
  bool is_boolean() const noexcept { return kind() == Kind::boolean; }

  /// The member of that name (the last one of duplicates), or a null value that lives forever.
  /// A linear search: to read a vocabulary, go through members().
  const Json& operator[](std::string_view key) const noexcept;
  bool contains(std::string_view key) const noexcept;
  /// Members in file order, duplicates included (empty unless an object).
  const std::vector<Member>& members() const noexcept;
  /// Elements (empty unless an array).
  const std::vector<Json>& elements() const noexcept;

  /// nullopt when it is of another kind; integer also when written as a float (2.0, 1e3, as for
  /// CPython) or out of int64.
  std::optional<bool> boolean() const noexcept;
  std::optional<int64_t> integer() const noexcept;
  std::optional<double> number() const noexcept;
  std::optional<std::string_view> string() const noexcept;
  /// The number's text as written; empty unless a number.
  std::string_view number_text() const noexcept;

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
  struct Number {
    std::string text;  // as written
  };
  // In the order of Kind.
  using Value = std::variant<std::monostate, bool, Number, std::string, std::vector<Json>,
                             std::vector<Member>>;

  bool shallow() const noexcept;
  void dismantle() noexcept;

  Value value_;
};

/// The text as a JSON string literal with quotes (non-ASCII as it is; invalid UTF-8 as U+FFFD).
TERN_API std::string json_quote(std::string_view text);

}  // namespace tern::hub
