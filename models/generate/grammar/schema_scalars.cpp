// SPDX-License-Identifier: Apache-2.0
// Values, texts and numbers of a JSON schema.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "merge_schemas.h"
#include "schema_converter.h"
#include "schema_pattern.h"
#include "schema_text.h"

namespace tern::grammar {

namespace {

using hub::Json;

constexpr int64_t kMostDigits = 9'999'999'999'999'999;  // where nothing bounds an integer
constexpr double kMostInteger = 1e18;

bool has_type(const Json& value, std::string_view type) {
  switch (value.kind()) {
    case Json::Kind::null:
      return type == "null";
    case Json::Kind::boolean:
      return type == "boolean";
    case Json::Kind::string:
      return type == "string";
    case Json::Kind::array:
      return type == "array";
    case Json::Kind::object:
      return type == "object";
    case Json::Kind::number:
      return type == "number" || (type == "integer" && value.integer());
  }
  return false;
}

}  // namespace

/// enum and const.
std::string SchemaConverter::of_values(const Place& place) {
  const Json& schema = *place.schema;
  const bool one = schema.contains("const");
  if (one && schema.contains("enum")) fail_unsupported(place.pointer, "enum beside const");
  for (const auto& [name, value] : schema.members()) {
    if (name != "const" && name != "enum" && name != "type" && !is_annotation(name))
      fail_unsupported(place.pointer, cat(name, " beside ", one ? "const" : "enum"));
  }
  std::string out;
  const Json& type = schema["type"];
  const std::span<const Json> single(&schema["const"], 1), single_type(&type, 1);
  for (const Json& value : one ? single : schema["enum"].elements()) {
    const auto types = type.is_array() ? type.elements() : single_type;
    const bool fits = type.is_null() || std::any_of(types.begin(), types.end(), [&](const Json& t) {
                        return has_type(value, t.string().value_or(""));
                      });
    if (fits) out += cat(out.empty() ? "" : " | ", quoted(value.dump()));
  }
  if (out.empty())
    fail_invalid(place.pointer, cat("'", one ? "const" : "enum", "' has no value of the type"));
  return out;
}

int64_t SchemaConverter::count(const Place& place, const char* keyword, int64_t fallback) const {
  const Json& value = (*place.schema)[keyword];
  if (!place.schema->contains(keyword)) return fallback;
  const auto number = value.integer();
  if (!number || *number < 0)
    fail_invalid(place.pointer, cat("'", keyword, "' must be a whole number, at least 0"));
  return *number;
}

std::string SchemaConverter::of_string(const Place& place) {
  const Json& schema = *place.schema;
  const int64_t low = count(place, "minLength", 0), high = count(place, "maxLength", kUnbounded);
  if (schema.contains("pattern")) {
    const auto pattern = schema["pattern"].string();
    if (!pattern) fail_invalid(place.pointer, "'pattern' must be a text");
    if (low > 0 || high != kUnbounded || schema.contains("format"))
      fail_unsupported(place.pointer, "pattern beside a length or a format");
    return of_pattern(*pattern, [&](std::string_view part) {
      fail_unsupported(place.pointer, cat("pattern with ", part));
    });
  }
  if (schema.contains("format")) {
    const std::string_view format = schema["format"].string().value_or("");
    std::string out = of_format(format);
    if (out.empty()) fail_unsupported(place.pointer, cat("format ", format));
    if (low > 0 || high != kUnbounded) fail_unsupported(place.pointer, "format beside a length");
    return out;
  }
  if (low > high) fail_invalid(place.pointer, "'minLength' is greater than 'maxLength'");
  if (low == 0 && high == kUnbounded) return "string";
  return cat("\"\\\"\" char", times(low, high), " \"\\\"\"");
}

std::optional<Limit> SchemaConverter::bound(const Place& place, const char* keyword) const {
  if (!place.schema->contains(keyword)) return std::nullopt;
  const Json& value = (*place.schema)[keyword];
  const auto number = value.number();
  if (!number || !(std::abs(*number) <= kMostInteger))
    fail_invalid(place.pointer, cat("'", keyword, "' must be a number, at most 10^18 away from 0"));
  const bool exclusive = std::string_view(keyword).starts_with("exclusive");
  if (const auto whole = value.integer()) return Limit{*whole, exclusive};
  // Of integers, the next one inside.
  if ((*place.schema)["type"].string() == "number")
    fail_unsupported(place.pointer, cat(keyword, " with a fraction"));
  const bool least = std::string_view(keyword).ends_with("inimum");
  return Limit{static_cast<int64_t>(least ? std::ceil(*number) : std::floor(*number)), false};
}

SchemaConverter::Bounds SchemaConverter::bounds(const Place& place) const {
  const auto stricter = [&](const char* keyword, const char* exclusive, int sign) {
    const auto a = bound(place, keyword), b = bound(place, exclusive);
    if (!a || !b) return a ? a : b;
    return a->value * sign > b->value * sign ? a : b;
  };
  const auto low = stricter("minimum", "exclusiveMinimum", 1);
  const auto high = stricter("maximum", "exclusiveMaximum", -1);
  const auto most = static_cast<int64_t>(kMostInteger);
  Bounds out = {low.value_or(Limit{-kMostDigits, false}), high.value_or(Limit{kMostDigits, false}),
                low || high};
  if (!low && out.high.value < -kMostDigits) out.low.value = -most;
  if (!high && out.low.value > kMostDigits) out.high.value = most;
  return out;
}

std::string SchemaConverter::of_integer(const Place& place) {
  const auto [low, high, given] = bounds(place);
  if (!given) return "integer";
  const int64_t from = low.value + (low.exclusive ? 1 : 0);
  const int64_t to = high.value - (high.exclusive ? 1 : 0);
  if (from > to) fail_invalid(place.pointer, "no integer lies between its bounds");
  return integers(from, to);
}

std::string SchemaConverter::of_number(const Place& place) {
  const auto [low, high, given] = bounds(place);
  if (!given) return "number";
  const std::string out = low.value <= high.value ? numbers(low, high) : "";
  if (out.empty()) fail_invalid(place.pointer, "no number lies between its bounds");
  return out;
}

}  // namespace tern::grammar
