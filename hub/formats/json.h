// SPDX-License-Identifier: Apache-2.0
// JSON as CPython's json module reads it: numbers of any size keep their text (10^30 in
// model_max_length), NaN, Infinity and -Infinity are numbers, 1e400 is infinite, of duplicate keys
// the last wins. Where it differs: a lone surrogate becomes U+FFFD (our strings are UTF-8) and
// invalid UTF-8 and a byte order mark are rejected. Containers nest at most 1000 deep; no operation
// on the tree recurses, so a thread's stack may be small. simdjson On-Demand finds the structure,
// walked once (json.cpp only); what it cannot read (NaN, 1e400, integers over 64 bits, lone
// surrogates) is why scalars are decoded by json_text.h. Everything else reads this immutable tree.
//
// A value is two words: where its bytes, elements or members lie, and how many there are. A tree's
// memory is a few blocks (json_memory.h) that belong to its outermost value; those inside only
// point there, so that a vocabulary of 10^5 tokens takes no allocation per token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../engine/base/api.h"

namespace tern::hub {

class JsonMemory;

class TERN_API Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };
  /// A member of a tree; the name lives as long as the tree.
  using Member = std::pair<std::string_view, Json>;
  /// A member to build an object of.
  using NewMember = std::pair<std::string, Json>;

  Json() = default;
  /// A tree of its own, also of a value inside of another.
  Json(const Json& other);
  Json(Json&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), tag_(std::exchange(other.tag_, 0)) {}
  Json& operator=(const Json& other) {
    Json copy(other);
    return *this = std::move(copy);
  }
  Json& operator=(Json&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(tag_, other.tag_);
    return *this;
  }
  ~Json() {
    if ((tag_ & kOwns) != 0) release();
  }

  /// Error corrupt names `what` (a file name) and the byte; the whole text must be one value.
  static Json parse(std::string_view text, std::string_view what);

  Kind kind() const noexcept { return static_cast<Kind>(tag_ & kKindMask); }
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
  std::span<const Member> members() const noexcept;
  /// Elements (empty unless an array).
  std::span<const Json> elements() const noexcept;

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
  static Json object(std::vector<NewMember> members);

 private:
  friend class JsonBuilder;
  friend class JsonMemory;
  // tag_: kind, whether this value owns the tree, size (a boolean's value).
  static constexpr uint64_t kKindMask = 7, kOwns = 8;
  static constexpr int kSizeShift = 4;

  Json(Kind kind, const void* data, size_t size) noexcept
      : data_(data), tag_(uint64_t{size} << kSizeShift | static_cast<uint64_t>(kind)) {}
  static Json text(Kind kind, std::string_view text);

  size_t size() const noexcept { return static_cast<size_t>(tag_ >> kSizeShift); }
  const void* data() const noexcept;
  std::string_view bytes() const noexcept { return {static_cast<const char*>(data()), size()}; }
  void release() noexcept;

  const void* data_ = nullptr;  // an owner's: its JsonMemory::Root
  uint64_t tag_ = 0;
};

/// The text as a JSON string literal with quotes (non-ASCII as it is; invalid UTF-8 as U+FFFD).
TERN_API std::string json_quote(std::string_view text);

/// The value on several lines, two blanks for each level (at most 64), as Python's
/// json.dumps(indent=2) has it, and a newline.
TERN_API std::string json_indented(const Json& value);

}  // namespace tern::hub
