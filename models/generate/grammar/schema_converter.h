// SPDX-License-Identifier: Apache-2.0
// SchemaConverter: the rules of a schema, one for each schema inside of it. Those wait on a list,
// so that deep schemas take no stack; a rule has its name before its body.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../../../hub/formats/json.h"
#include "schema_text.h"

namespace tern::grammar {

class SchemaConverter {
 public:
  explicit SchemaConverter(const hub::Json& root) : root_(root) {}
  std::string run();

 private:
  using Json = hub::Json;
  /// A schema and the pointer to it, "#/properties/name".
  struct Place {
    const Json* schema;
    std::string pointer;
  };
  struct Waiting {
    Place place;
    std::string rule;
  };

  /// The name of the rule of a schema, whose body comes later.
  std::string rule_of(Place place);
  std::string add(const std::string& body);
  std::string fresh_name(std::string_view hint = {});
  void define(const std::string& rule, const std::string& body);

  // Bodies.
  std::string body(Place place);
  std::string of_reference(const Place& place);
  std::string of_alternatives(const Place& place, const char* keyword);
  std::string of_type(const Place& place, std::string_view type);

  // schema_scalars.cpp
  std::string of_values(const Place& place);
  std::string of_string(const Place& place);
  std::string of_integer(const Place& place);
  std::string of_number(const Place& place);

  // schema_containers.cpp
  struct Member {
    std::string name, rule;
    bool required = false;
  };
  std::string of_object(const Place& place);
  std::vector<Member> members(const Place& place, bool& open);
  std::string of_array(const Place& place);
  std::string of_items(const std::vector<std::string>& first, const std::string& rest, int64_t low,
                       int64_t high);

  /// All that allOf demands, in one.
  Place merged(const Place& place);
  Place keep(Json schema, std::string pointer);
  Place resolve(Place place) const;
  Place target(const Place& place) const;
  void check_keywords(const Place& place) const;

  /// Within [0, high]; `fallback` where it is absent.
  int64_t count(const Place& place, const char* keyword, int64_t fallback) const;
  struct Bounds {
    Limit low, high;
    bool given;
  };
  std::optional<Limit> bound(const Place& place, const char* keyword) const;
  Bounds bounds(const Place& place) const;
  [[noreturn]] static void fail_invalid(const std::string& pointer, const std::string& problem);
  [[noreturn]] static void fail_unsupported(const std::string& pointer, std::string_view keyword);

  const Json& root_;
  std::string text_;
  std::vector<Waiting> waiting_;
  std::map<std::string, std::string, std::less<>> references_;  // rules by pointer
  std::deque<Json> merged_;
  size_t merged_bytes_ = 0, pointer_bytes_ = 0, rules_ = 0;
};

}  // namespace tern::grammar
