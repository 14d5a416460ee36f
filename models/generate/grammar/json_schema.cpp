// SPDX-License-Identifier: Apache-2.0
#include "json_schema.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../key_names.h"
#include "../../text/unicode/utf8.h"
#include "merge_schemas.h"
#include "schema_converter.h"
#include "schema_text.h"

namespace tern::grammar {

namespace {

using hub::Json;

constexpr size_t kMostSchema = size_t{1} << 20;                               // bytes
constexpr size_t kMostPointers = size_t{32} << 20;                            // bytes of all
constexpr size_t kMostText = size_t{4} << 20, kMostMerged = size_t{4} << 20;  // bytes
constexpr int kMostReferences = 100;  // that only lead to another one

constexpr std::array<std::string_view, 7> kTypes = {"object", "array",   "string", "integer",
                                                    "number", "boolean", "null"};

/// The type that a keyword is of; empty for keywords of all.
struct Keyword {
  std::string_view name, type;
};
constexpr std::array<Keyword, 24> kKeywords = {{{"type", ""},
                                                {"$ref", ""},
                                                {"allOf", ""},
                                                {"anyOf", ""},
                                                {"oneOf", ""},
                                                {"enum", ""},
                                                {"const", ""},
                                                {"properties", "object"},
                                                {"required", "object"},
                                                {"additionalProperties", "object"},
                                                {"items", "array"},
                                                {"prefixItems", "array"},
                                                {"additionalItems", "array"},
                                                {"minItems", "array"},
                                                {"maxItems", "array"},
                                                {"minLength", "string"},
                                                {"maxLength", "string"},
                                                {"format", "string"},
                                                {"pattern", "string"},
                                                {"minimum", "number"},
                                                {"maximum", "number"},
                                                {"exclusiveMinimum", "number"},
                                                {"exclusiveMaximum", "number"},
                                                {"uniqueItems", "array"}}};

/// The type of values that a schema without one speaks of; empty: it demands nothing of any.
std::string_view implied_type(const Json& schema) {
  for (const auto& [name, value] : schema.members()) {
    for (const Keyword& keyword : kKeywords) {
      if (keyword.name == name && !keyword.type.empty()) return keyword.type;
    }
  }
  return {};
}

/// A part of a JSON pointer, which may be that of an address: ~1, ~0, %20.
std::string unescaped(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    const int high = i + 2 < part.size() ? text::hex_digit(part[i + 1]) : -1;
    const int low = high < 0 ? -1 : text::hex_digit(part[i + 2]);
    if (part[i] == '%' && low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else if (part[i] == '~' && i + 1 < part.size() &&
               (part[i + 1] == '0' || part[i + 1] == '1')) {
      out += part[++i] == '0' ? '~' : '/';
    } else {
      out += part[i];
    }
  }
  return out;
}

}  // namespace

void SchemaConverter::fail_invalid(const std::string& pointer, const std::string& problem) {
  fail(ErrorCode::invalid_argument, cat("json_schema: ", printable_name(pointer), ": ", problem));
}

void SchemaConverter::fail_unsupported(const std::string& pointer, std::string_view keyword) {
  fail(ErrorCode::unsupported,
       cat("json_schema: ", printable_name(pointer), ": '", printable_name(keyword),
           "' is not supported: leave it out and check the answer, or write a grammar"));
}

std::string SchemaConverter::run() {
  if (root_.dump().size() > kMostSchema)
    fail_invalid("#", cat("expected a schema of at most ", kMostSchema, " bytes, found more"));
  text_ = shared_rules();
  const std::string first = rule_of({&root_, "#"});
  references_.emplace("#", first);
  define("root", first);
  while (!waiting_.empty()) {
    const Waiting next = std::move(waiting_.back());
    waiting_.pop_back();
    define(next.rule, body(next.place));
  }
  return std::move(text_);
}

void SchemaConverter::define(const std::string& rule, const std::string& body) {
  text_ += cat(rule, " ::= ", body, "\n");
  if (text_.size() > kMostText) {
    fail(ErrorCode::invalid_argument,
         cat("json_schema: as a grammar it has more than ", kMostText, " bytes"));
  }
}

/// Some of the hint stands in the name, for those who read the grammar or an error.
std::string SchemaConverter::fresh_name(std::string_view hint) {
  std::string out = cat("r", rules_++, "-");
  for (const char c : hint.substr(0, 24)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain ? c : '-';
  }
  return out;
}

std::string SchemaConverter::add(const std::string& body) {
  std::string rule = fresh_name();
  define(rule, body);
  return rule;
}

std::string SchemaConverter::rule_of(Place place) {
  pointer_bytes_ += place.pointer.size();
  if (pointer_bytes_ > kMostPointers)
    fail_invalid("#", "the names of schemas within schemas are too long together");
  std::string rule = fresh_name(place.pointer.substr(place.pointer.rfind('/') + 1));
  waiting_.push_back({std::move(place), rule});
  return rule;
}

SchemaConverter::Place SchemaConverter::keep(Json schema, std::string pointer) {
  merged_bytes_ += schema.dump().size();
  if (merged_bytes_ > kMostMerged)
    fail_invalid(pointer, "allOf, anyOf and references bring too many schemas together");
  return {&merged_.emplace_back(std::move(schema)), std::move(pointer)};
}

void SchemaConverter::check_keywords(const Place& place) const {
  for (const Json::Member& member : place.schema->members()) {
    const auto& [name, value] = member;
    const bool known = std::any_of(kKeywords.begin(), kKeywords.end(),
                                   [&](const Keyword& k) { return k.name == member.first; });
    if (name == "uniqueItems" && value.boolean() != false) fail_unsupported(place.pointer, name);
    if (!known && !is_annotation(name)) fail_unsupported(place.pointer, name);
  }
}

/// What a schema's $ref leads to.
SchemaConverter::Place SchemaConverter::target(const Place& place) const {
  const auto text = (*place.schema)["$ref"].string();
  if (!text) fail_invalid(place.pointer, "'$ref' must be a text");
  if (*text != "#" && !text->starts_with("#/"))
    fail_unsupported(place.pointer, cat("$ref ", *text));
  const Json* at = &root_;
  std::string_view rest = text->substr(1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string part = unescaped(rest.substr(1, end - 1));
    rest.remove_prefix(end);
    size_t index = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = error == std::errc() && stop == part.data() + part.size();
    if (at->is_object() && at->contains(part)) {
      at = &(*at)[part];
    } else if (at->is_array() && number && index < at->elements().size()) {
      at = &at->elements()[index];
    } else {
      fail_invalid(place.pointer,
                   cat("'$ref' leads to ", printable_name(*text), ", which is not in the schema"));
    }
  }
  return {at, std::string(*text)};
}

/// The schema itself, or what it refers to when it is but a reference.
SchemaConverter::Place SchemaConverter::resolve(Place place) const {
  for (int i = 0; place.schema->contains("$ref"); ++i) {
    if (i == kMostReferences) fail_invalid(place.pointer, "'$ref' leads to itself");
    for (const auto& [name, value] : place.schema->members()) {
      if (name != "$ref" && !is_annotation(name))
        fail_unsupported(place.pointer, cat(name, " beside $ref"));
    }
    place = target(place);
  }
  return place;
}

std::string SchemaConverter::of_reference(const Place& place) {
  const Place end = resolve(place);
  const auto known = references_.find(end.pointer);
  if (known != references_.end()) return known->second;
  std::string rule = rule_of(end);
  references_.emplace(end.pointer, rule);
  return rule;
}

SchemaConverter::Place SchemaConverter::merged(const Place& place) {
  std::vector<Json::NewMember> beside;
  for (const auto& [name, value] : place.schema->members()) {
    if (name != "allOf") beside.emplace_back(std::string(name), value);
  }
  Json all = Json::object(std::move(beside));
  const Json& parts = (*place.schema)["allOf"];
  if (parts.elements().empty()) fail_invalid(place.pointer, "'allOf' must be a list of schemas");
  for (size_t i = 0; i < parts.elements().size(); ++i) {
    const Place part = resolve({&parts.elements()[i], cat(place.pointer, "/allOf/", i)});
    if (part.schema->boolean() == true) continue;
    if (!part.schema->is_object()) fail_invalid(part.pointer, "expected an object here");
    all = *keep(merge_schemas(all, *part.schema, place.pointer), place.pointer).schema;
  }
  return keep(std::move(all), place.pointer);
}

std::string SchemaConverter::of_alternatives(const Place& place, const char* keyword) {
  const Json& list = (*place.schema)[keyword];
  if (list.elements().empty())
    fail_invalid(place.pointer, cat("'", keyword, "' must be a list of schemas"));
  std::vector<Json::NewMember> beside;
  for (const auto& [name, value] : place.schema->members()) {
    if (name != keyword && !is_annotation(name)) beside.emplace_back(std::string(name), value);
  }
  const bool alone = beside.empty();
  const Json common = Json::object(std::move(beside));
  std::string out;
  for (size_t i = 0; i < list.elements().size(); ++i) {
    Place part = {&list.elements()[i], cat(place.pointer, "/", keyword, "/", i)};
    if (!alone) {
      part = resolve(std::move(part));
      if (!part.schema->is_object()) fail_invalid(part.pointer, "expected an object here");
      part = keep(merge_schemas(common, *part.schema, part.pointer), part.pointer);
    }
    out += cat(i == 0 ? "" : " | ", rule_of(std::move(part)));
  }
  return out;
}

std::string SchemaConverter::body(Place place) {
  if (place.schema->boolean() == true) return "value";
  if (!place.schema->is_object())
    fail_invalid(place.pointer, "expected a schema (an object, or true), found another value");
  check_keywords(place);
  for (int i = 0; place.schema->contains("allOf"); ++i) {
    if (i == kMostReferences) fail_invalid(place.pointer, "allOf is too deep");
    place = merged(place);
    check_keywords(place);
  }
  const Json& schema = *place.schema;
  if (schema.contains("$ref")) return of_reference(place);
  for (const char* keyword : {"anyOf", "oneOf"}) {
    if (schema.contains(keyword)) return of_alternatives(place, keyword);
  }
  if (schema.contains("const") || schema.contains("enum")) return of_values(place);
  const Json& type = schema["type"];
  if (type.is_null()) {
    const std::string_view implied = implied_type(schema);
    return implied.empty() ? "value" : of_type(place, implied);
  }
  const std::span<const Json> single(&type, 1);
  std::string out;
  for (const Json& name : type.is_array() ? type.elements() : single) {
    const std::string part = of_type(place, name.string().value_or(""));
    out += cat(out.empty() ? "" : " | ", type.is_array() ? add(part) : part);
  }
  if (out.empty()) fail_invalid(place.pointer, "no type is allowed, so nothing is");
  return out;
}

std::string SchemaConverter::of_type(const Place& place, std::string_view type) {
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    fail_invalid(place.pointer, cat("expected a type: object, array, string, integer, number, "
                                    "boolean or null, found '",
                                    printable_name(type), "'"));
  }
  if (type == "object") return of_object(place);
  if (type == "array") return of_array(place);
  if (type == "string") return of_string(place);
  if (type == "integer") return of_integer(place);
  if (type == "number") return of_number(place);
  return std::string(type);
}

std::string of_json_schema(const Json& schema) {
  return SchemaConverter(schema).run();
}

}  // namespace tern::grammar
