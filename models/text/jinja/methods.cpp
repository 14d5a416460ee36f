// SPDX-License-Identifier: Apache-2.0
// Methods and attributes of dicts, lists, tuples and numbers that do not change them.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

Value dict_get(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "get()", arguments, {"key", "default"}, 1);
  if (const Value* found = r.find(self.as<Dict>(), *p[0])) return *found;
  return p[1] ? *p[1] : Value::none();
}

template <View::Of Of>
Value dict_view(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "the method", arguments, {});
  auto* view = new View;
  view->of = Of;
  view->dict = self;
  return Value(Kind::view, view);
}

Value copy(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "copy()", arguments, {});
  return self;  // nothing can tell a copy from the original
}

Value from_keys(Runtime& r, const Value&, const Arguments& arguments) {
  const Parameters p(r, "fromkeys()", arguments, {"iterable", "value"}, 1);
  Dict out;
  for (Value& key : r.items(*p[0])) r.set(out, std::move(key), p[1] ? *p[1] : Value::none());
  return r.dict(std::move(out));
}

Value count(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "count()", arguments, {"value"}, 1);
  int64_t n = 0;
  for (const Value& item : r.items(self)) n += r.equals(item, *p[0]);
  return Value::of(n);
}

Value index(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "index()", arguments, {"value", "start", "stop"}, 1);
  const Values items = r.items(self);
  const auto size = static_cast<int64_t>(items.size());
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size); };
  for (int64_t i = clamp(p.integer(1, 0)); i < clamp(p.integer(2, size)); ++i) {
    if (r.equals(items[static_cast<size_t>(i)], *p[0])) return Value::of(i);
  }
  r.fail("the value is not in the sequence");
}

Value is_integer(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "is_integer()", arguments, {});
  return Value::of(std::isfinite(self.real()) && self.real() == std::floor(self.real()));
}

Value bit_length(Runtime& r, const Value& self, const Arguments& arguments) {
  const Parameters p(r, "bit_length()", arguments, {});
  const int64_t i = self.integer();
  uint64_t magnitude = i < 0 ? ~static_cast<uint64_t>(i) + 1 : static_cast<uint64_t>(i);
  int64_t bits = 0;
  for (; magnitude; magnitude >>= 1) ++bits;
  return Value::of(bits);
}

Value conjugate(Runtime&, const Value& self, const Arguments&) {
  return self;
}

struct Method {
  std::string_view name;
  Function function;
};

constexpr Method kDict[] = {{"copy", copy},
                            {"fromkeys", from_keys},
                            {"get", dict_get},
                            {"items", dict_view<View::Of::items>},
                            {"keys", dict_view<View::Of::keys>},
                            {"values", dict_view<View::Of::values>}};
constexpr Method kList[] = {{"copy", copy}, {"count", count}, {"index", index}};
constexpr Method kTuple[] = {{"count", count}, {"index", index}};
constexpr Method kInteger[] = {{"bit_length", bit_length}, {"conjugate", conjugate}};
constexpr Method kReal[] = {{"conjugate", conjugate}, {"is_integer", is_integer}};

std::span<const Method> methods_of(const Value& v) {
  switch (v.kind()) {
    case Kind::dict:
      return kDict;
    case Kind::list:
      return kList;
    case Kind::tuple:
    case Kind::range:
      return kTuple;
    case Kind::boolean:
    case Kind::integer:
      return kInteger;
    case Kind::real:
      return kReal;
    default:
      return {};
  }
}

std::optional<Value> part(const Value& v, const std::string& name) {
  if (v.is_integral()) {
    if (name == "real" || name == "numerator") return Value::of(v.integer());
    if (name == "imag") return Value::of(int64_t{0});
    if (name == "denominator") return Value::of(int64_t{1});
  }
  if (v.is(Kind::real)) {
    if (name == "real") return v;
    if (name == "imag") return Value::of(0.0);
  }
  if (v.is(Kind::range)) {
    if (name == "start") return Value::of(v.as<Range>().start);
    if (name == "stop") return Value::of(v.as<Range>().stop);
    if (name == "step") return Value::of(v.as<Range>().step);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Value> method(Runtime&, const Value& object, const std::string& name) {
  for (const Method& m : methods_of(object)) {
    if (m.name == name) return make_function(name, m.function, object);
  }
  return part(object, name);
}

}  // namespace tern::jinja
