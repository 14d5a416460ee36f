// SPDX-License-Identifier: Apache-2.0
// See template.h.
#include "template.h"

#include <chrono>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "numbers.h"
#include "parser.h"
#include "scopes.h"

namespace tern::jinja {

namespace {

Value from_json(const hub::Json& json, int depth);

Value number_from_json(const hub::Json& json) {
  const std::string_view digits = json.number_text();
  if (digits.find_first_not_of("-0123456789") != digits.npos)
    return Value::of(json.number().value_or(0));
  bool big = false;
  if (const auto i = parse_integer(digits, 10, big)) return Value::of(*i);
  return make_big(std::string(digits));
}

Value from_json_members(const hub::Json& json, int depth) {
  Dict out;
  int64_t collisions = 0;  // of the caller's own keys
  for (const auto& [key, value] : json.members())
    out.set(make_string(std::string(key)), from_json(value, depth + 1), collisions);
  return Value(Kind::dict, new Dict(std::move(out)));
}

Value from_json_elements(const hub::Json& json, int depth) {
  auto* list = new List;
  const Value out(Kind::list, list);
  for (const hub::Json& element : json.elements()) {
    list->items.push_back(from_json(element, depth + 1));
    list->extent.add(extent(list->items.back()));
  }
  return out;
}

Value from_json(const hub::Json& json, int depth) {
  if (depth > kDeepestValue) {
    fail(ErrorCode::invalid_argument,
         cat("chat template: a variable is nested deeper than ", kDeepestValue));
  }
  switch (json.kind()) {
    case hub::Json::Kind::null:
      return Value::none();
    case hub::Json::Kind::boolean:
      return Value::of(*json.boolean());
    case hub::Json::Kind::number:
      return number_from_json(json);
    case hub::Json::Kind::string:
      return make_string(std::string(*json.string()));
    case hub::Json::Kind::array:
      return from_json_elements(json, depth);
    case hub::Json::Kind::object:
      return from_json_members(json, depth);
  }
  return Value::none();
}

}  // namespace

Clock local_clock() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto rest = now - std::chrono::system_clock::from_time_t(seconds);
  Clock out;
  ::localtime_r(&seconds, &out.time);
  out.microseconds = static_cast<int>(
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(rest).count()));
  return out;
}

Template Template::parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.source) {
    fail(ErrorCode::corrupt, cat("chat template: longer than ", limits.source, " bytes"));
  }
  std::string scratch;
  auto program = std::make_shared<Program>();
  program->body = Parser(text::valid_utf8(source, scratch), limits).parse();
  resolve(*program);
  Template out(limits);
  out.program_ = std::move(program);
  return out;
}

Rendered Template::render(const Variables& variables, std::function<Clock()> clock) const {
  Interpreter::Variables values;
  for (const auto& [name, json] : variables) values.emplace_back(name, from_json(*json, 0));
  Interpreter interpreter(*program_, values, limits_, clock ? std::move(clock) : local_clock);
  Rendered out;
  out.text = interpreter.run();
  out.generated = interpreter.spans();
  return out;
}

}  // namespace tern::jinja
