// SPDX-License-Identifier: Apache-2.0
// Typed reads of tokenizer.json; see fields.h.
#include "fields.h"

namespace tern::text {

namespace {

[[noreturn]] void fail_kind(const hub::Json& json, std::string_view member,
                            std::string_view expected) {
  const auto type = json["type"].string();
  fail(ErrorCode::corrupt,
       cat("tokenizer.json: '", member, "'", type ? cat(" of ", *type) : std::string(), " must be ",
           expected, json.contains(member) ? ", found something else" : ", but it is missing"));
}

}  // namespace

bool read_bool(const hub::Json& json, std::string_view member, std::optional<bool> fallback) {
  const hub::Json& value = json[member];
  if (value.is_null() && fallback) return *fallback;
  if (const auto b = value.boolean()) return *b;
  fail_kind(json, member, "true or false");
}

int64_t read_integer(const hub::Json& json, std::string_view member,
                     std::optional<int64_t> fallback, int64_t low, int64_t high) {
  const hub::Json& value = json[member];
  if (value.is_null() && fallback) return *fallback;
  const auto i = value.integer();
  if (i && *i >= low && *i <= high) return *i;
  fail_kind(json, member, cat("an integer from ", low, " to ", high));
}

std::string read_string(const hub::Json& json, std::string_view member,
                        std::optional<std::string_view> fallback) {
  const hub::Json& value = json[member];
  if (value.is_null() && fallback) return std::string(*fallback);
  if (const auto s = value.string()) return std::string(*s);
  fail_kind(json, member, "a string");
}

std::span<const hub::Json> read_array(const hub::Json& json, std::string_view member) {
  const hub::Json& value = json[member];
  if (!value.is_array()) fail_kind(json, member, "an array");
  return value.elements();
}

std::string read_type(const hub::Json& json, std::string_view component, int depth) {
  if (depth > kMaxNesting) {
    fail(ErrorCode::corrupt,
         cat("tokenizer.json: ", component, "s nest deeper than ", kMaxNesting));
  }
  if (!json.is_object()) {
    fail(ErrorCode::corrupt, cat("tokenizer.json: a ", component, " must be an object"));
  }
  return read_string(json, "type", std::nullopt);
}

void fail_unsupported(std::string_view component, std::string_view type) {
  fail(ErrorCode::unsupported,
       cat("tokenizer.json: ", component, " '", type, "' is not known to this version"));
}

}  // namespace tern::text
