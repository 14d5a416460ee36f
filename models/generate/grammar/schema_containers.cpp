// SPDX-License-Identifier: Apache-2.0
// Objects and arrays of a JSON schema.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "../../key_names.h"
#include "schema_converter.h"
#include "schema_text.h"

namespace tern::grammar {

namespace {

constexpr std::string_view kComma = R"(ws "," ws )";

/// A pointer's part.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~' || c == '/') {
      out += c == '~' ? "~0" : "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

/// Properties and what is required beside them, in order; `open`: whether others may come.
std::vector<SchemaConverter::Member> SchemaConverter::members(const Place& place, bool& open) {
  const Json &schema = *place.schema, &properties = schema["properties"],
             &more = schema["additionalProperties"], &required = schema["required"];
  if (schema.contains("properties") && !properties.is_object())
    fail_invalid(place.pointer, "'properties' must be an object");
  if (schema.contains("required") && !required.is_array())
    fail_invalid(place.pointer, "'required' must be a list of names");
  const bool absent = !schema.contains("additionalProperties");
  open = absent ? !schema.contains("properties") : more.boolean() != false;
  std::vector<Member> out;
  std::map<std::string_view, size_t> known;
  for (const auto& [name, value] : properties.members()) {
    const auto [at, fresh] = known.emplace(name, out.size());
    const std::string rule = rule_of({&value, cat(place.pointer, "/properties/", escaped(name))});
    if (fresh) {
      out.push_back({std::string(name), rule});
    } else {
      out[at->second].rule = rule;
    }
  }
  for (const Json& element : required.elements()) {
    const auto name = element.string();
    if (!name) fail_invalid(place.pointer, "'required' must be a list of names");
    const auto [at, fresh] = known.emplace(*name, out.size());
    if (fresh && !absent && !open)
      fail_invalid(place.pointer, cat("'", printable_name(*name), "' is required and not allowed"));
    if (fresh) {
      const bool any = absent || more.is_boolean();
      out.push_back({std::string(*name),
                     any ? "value" : rule_of({&more, place.pointer + "/additionalProperties"})});
    }
    out[at->second].required = true;
  }
  return out;
}

/// "{" and what comes first: a chain of rules, each for the members from one on, before and behind
/// a comma.
std::string SchemaConverter::of_object(const Place& place) {
  bool open = false;
  const std::vector<Member> all = members(place, open);
  if (all.empty() && open && !(*place.schema)["additionalProperties"].is_object()) return "object";
  std::string first, later;  // rules; empty: nothing can come
  if (open) {
    std::vector<std::string> names;
    for (const Member& m : all) names.push_back(m.name);
    const Json& more = (*place.schema)["additionalProperties"];
    const std::string value =
        more.is_object() ? rule_of({&more, place.pointer + "/additionalProperties"}) : "value";
    const std::string key =
        names.empty() ? "string" : key_except(names, [this](const auto& b) { return add(b); });
    const std::string extra = add(cat(key, R"( ws ":" ws )", value));
    later = add(cat("(", kComma, extra, ")*"));
    first = add(cat(extra, " ", later));
  }
  bool optional = true;  // whether all of them are
  for (size_t i = all.size(); i-- > 0;) {
    const Member& m = all[i];
    const std::string member = add(cat(quoted(hub::json_quote(m.name)), R"( ws ":" ws )", m.rule));
    const std::string begin = cat(member, " ", later);
    first = add(m.required || first.empty() ? begin : cat(begin, " | ", first));
    later =
        add(m.required ? cat(kComma, member, " ", later) : cat("(", kComma, member, ")? ", later));
    optional = optional && !m.required;
  }
  if (first.empty()) return R"("{" ws "}")";
  return optional ? cat(R"("{" ws ()", first, R"( ws)? "}")")
                  : cat(R"("{" ws )", first, R"( ws "}")");
}

std::string SchemaConverter::of_items(const std::vector<std::string>& first,
                                      const std::string& rest, int64_t low, int64_t high) {
  std::string out;
  for (const std::string& item : first) out += cat(out.empty() ? "" : kComma, item, " ");
  if (first.empty() && high > 0) {
    out = cat(rest, " ");
    low = std::max<int64_t>(low - 1, 0);
    high = high == kUnbounded ? high : high - 1;
  }
  if (high > 0) out += cat("(", kComma, rest, ")", times(low, high), " ");
  return out + "ws";
}

std::string SchemaConverter::of_array(const Place& place) {
  const Json& schema = *place.schema;
  const bool old = schema["items"].is_array();  // drafts before 2020: items is what is prefixItems
  const char* prefix = old ? "items" : "prefixItems";
  const char* further = old ? "additionalItems" : "items";
  const int64_t low = count(place, "minItems", 0), high = count(place, "maxItems", kUnbounded);
  if (low > high) fail_invalid(place.pointer, "'minItems' is greater than 'maxItems'");
  std::vector<std::string> first;
  const auto parts = schema[prefix].elements();
  for (size_t i = 0; i < parts.size() && static_cast<int64_t>(i) < high; ++i)
    first.push_back(rule_of({&parts[i], cat(place.pointer, "/", prefix, "/", i)}));
  const auto fixed = static_cast<int64_t>(first.size());
  const Json& more = schema[further];
  const bool none = more.boolean() == false;
  if (none && low > fixed) fail_invalid(place.pointer, "'minItems' is more than there may be");
  const bool any = !none && (schema.contains(further) || first.empty() || low > fixed);
  const int64_t most = !any ? 0 : high == kUnbounded ? high : high - fixed;
  if (fixed == 0 && most == 0) return R"("[" ws "]")";
  const std::string rest = most == 0 ? ""
                           : schema.contains(further)
                               ? rule_of({&more, cat(place.pointer, "/", further)})
                               : "value";
  const std::string items = of_items(first, rest, std::max<int64_t>(low - fixed, 0), most);
  if (fixed == 0 && low == 0) return cat(R"("[" ws ()", items, R"()? "]")");
  return cat(R"("[" ws )", items, R"( "]")");
}

}  // namespace tern::grammar
