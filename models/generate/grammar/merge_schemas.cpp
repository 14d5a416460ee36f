// SPDX-License-Identifier: Apache-2.0
#include "merge_schemas.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../key_names.h"

namespace tern::grammar {

namespace {

using hub::Json;

Json both(const Json& a, const Json& b) {
  return Json::object({{"allOf", Json::array({a, b})}});
}

Json joined(const Json& a, const Json& b) {
  std::vector<Json> out(a.elements().begin(), a.elements().end());
  out.insert(out.end(), b.elements().begin(), b.elements().end());
  return Json::array(std::move(out));
}

Json properties(const Json& a, const Json& b) {
  std::vector<Json::NewMember> out;
  std::map<std::string_view, size_t> places;
  for (const auto& [name, value] : a.members()) {
    places[name] = out.size();
    out.emplace_back(std::string(name), value);
  }
  for (const auto& [name, value] : b.members()) {
    const auto known = places.find(name);
    if (known == places.end()) {
      out.emplace_back(std::string(name), value);
    } else {
      Json& place = out[known->second].second;
      place = both(place, value);
    }
  }
  return Json::object(std::move(out));
}

std::vector<std::string_view> names_of(const Json& type) {
  if (const auto one = type.string()) return {*one};
  std::vector<std::string_view> out;
  for (const Json& element : type.elements()) out.push_back(element.string().value_or(""));
  return out;
}

/// An integer is a number. Null: not lists of a few types.
std::optional<Json> types(const Json& a, const Json& b) {
  constexpr size_t kMostTypes = 7;
  if (std::max(a.elements().size(), b.elements().size()) > kMostTypes) return std::nullopt;
  const auto has = [](const std::vector<std::string_view>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  const std::vector<std::string_view> first = names_of(a), second = names_of(b);
  std::vector<Json> out;
  for (const std::string_view name : first) {
    if (has(second, name) || (name == "integer" && has(second, "number"))) {
      out.push_back(Json::make(name));
    } else if (name == "number" && has(second, "integer") && !has(first, "integer")) {
      out.push_back(Json::make(std::string_view("integer")));
    }
  }
  return Json::array(std::move(out));
}

/// The stricter of two numbers.
std::optional<Json> limit(std::string_view keyword, const Json& a, const Json& b) {
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  const bool least = keyword.starts_with("min") || keyword == "exclusiveMinimum";
  if (!least && !keyword.starts_with("max") && keyword != "exclusiveMaximum") return std::nullopt;
  return (*a.number() < *b.number()) == least ? b : a;
}

/// Of a keyword that both have.
std::optional<Json> one(std::string_view keyword, const Json& a, const Json& b) {
  if (keyword == "properties") return properties(a, b);
  if (keyword == "required" || keyword == "allOf") return joined(a, b);
  if (keyword == "type") return types(a, b);
  if (keyword == "items" && !a.is_array() && !b.is_array()) return both(a, b);
  if (a.dump() == b.dump()) return a;
  return limit(keyword, a, b);
}

[[noreturn]] void fail_both(std::string_view keyword, std::string_view pointer) {
  fail(ErrorCode::unsupported,
       cat("json_schema: ", printable_name(pointer), ": '", printable_name(keyword),
           "' of two schemas that allOf or anyOf brings together is not supported: write one "
           "schema"));
}

}  // namespace

bool is_annotation(std::string_view keyword) {
  constexpr std::array<std::string_view, 17> kAnnotations = {
      "title",    "description", "default",    "examples",      "example",    "$schema",
      "$id",      "id",          "$comment",   "$anchor",       "$defs",      "definitions",
      "readOnly", "writeOnly",   "deprecated", "discriminator", "$vocabulary"};
  return keyword.starts_with("x-") ||
         std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

Json merge_schemas(const Json& a, const Json& b, std::string_view pointer) {
  // What a schema calls additional depends on the properties beside it.
  for (const auto& [closed, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    for (const auto& [more, named] :
         {std::pair("additionalProperties", "properties"), std::pair("additionalItems", "items"),
          std::pair("items", "prefixItems")}) {
      if (closed->contains(more) && other->contains(named)) fail_both(more, pointer);
    }
  }
  std::vector<Json::NewMember> out;
  for (const auto& [keyword, value] : a.members()) {
    if (is_annotation(keyword)) continue;
    if (!b.contains(keyword)) {
      out.emplace_back(std::string(keyword), value);
      continue;
    }
    std::optional<Json> merged = one(keyword, value, b[keyword]);
    if (!merged) fail_both(keyword, pointer);
    out.emplace_back(std::string(keyword), std::move(*merged));
  }
  for (const auto& [keyword, value] : b.members()) {
    if (!is_annotation(keyword) && !a.contains(keyword))
      out.emplace_back(std::string(keyword), value);
  }
  return Json::object(std::move(out));
}

}  // namespace tern::grammar
