// SPDX-License-Identifier: Apache-2.0
// What can stand behind `is`.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "builtins.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

using Test = bool (*)(Runtime& r, const Value& v, const Arguments& arguments);

const Value& other(Runtime& r, const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    r.fail("this test takes one argument");
  }
  return arguments.positional[0];
}

bool is_odd(Runtime& r, const Value& v, const Arguments&) {
  return r.equals(binary(r, Binary::modulo, v, Value::of(int64_t{2})), Value::of(int64_t{1}));
}
bool is_even(Runtime& r, const Value& v, const Arguments&) {
  return r.equals(binary(r, Binary::modulo, v, Value::of(int64_t{2})), Value::of(int64_t{0}));
}
bool divides(Runtime& r, const Value& v, const Arguments& a) {
  return r.equals(binary(r, Binary::modulo, v, other(r, a)), Value::of(int64_t{0}));
}
bool is_defined(Runtime&, const Value& v, const Arguments&) {
  return !v.is_undefined();
}
bool is_undefined(Runtime&, const Value& v, const Arguments&) {
  return v.is_undefined();
}
bool is_filter(Runtime& r, const Value& v, const Arguments&) {
  r.check_key(v);
  return v.is_string() && has_filter(v.text());
}
bool is_test(Runtime& r, const Value& v, const Arguments&) {
  r.check_key(v);
  return v.is_string() && has_test(v.text());
}
bool is_none(Runtime&, const Value& v, const Arguments&) {
  return v.is_none();
}
bool is_boolean(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::boolean);
}
bool is_true(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::boolean) && v.boolean();
}
bool is_false(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::boolean) && !v.boolean();
}
bool is_integer(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::integer) || v.is(Kind::big);
}
bool is_float(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::real);
}
bool is_lowercase(Runtime& r, const Value& v, const Arguments&) {
  return is_lower(r.text(v));
}
bool is_uppercase(Runtime& r, const Value& v, const Arguments&) {
  return is_upper(r.text(v));
}
bool is_string(Runtime&, const Value& v, const Arguments&) {
  return v.is_string();
}
bool is_mapping(Runtime&, const Value& v, const Arguments&) {
  return v.is(Kind::dict);
}
bool is_number(Runtime&, const Value& v, const Arguments&) {
  return v.is_number();
}
bool is_sequence(Runtime&, const Value& v, const Arguments&) {
  // An Undefined has a length and an item access.
  return v.is_undefined() || v.is_string() || v.is(Kind::list) || v.is(Kind::tuple) ||
         v.is(Kind::dict) || v.is(Kind::range);
}
bool is_iterable(Runtime&, const Value& v, const Arguments&) {
  return v.is_undefined() || v.is_string() ||
         (v.kind() >= Kind::list && v.kind() <= Kind::iterator) || v.is(Kind::loop);
}
bool is_callable(Runtime&, const Value& v, const Arguments&) {
  return v.is_undefined() || v.is(Kind::callable) || v.is(Kind::loop) || v.is(Kind::joiner);
}
bool is_same(Runtime& r, const Value& v, const Arguments& a) {
  r.equals(v, other(r, a));
  return identical(v, other(r, a));
}
bool is_escaped(Runtime&, const Value& v, const Arguments&) {
  return v.markup();
}
bool is_in(Runtime& r, const Value& v, const Arguments& a) {
  return contains(r, other(r, a), v);
}
bool is_equal(Runtime& r, const Value& v, const Arguments& a) {
  return r.equals(v, other(r, a));
}
bool is_unequal(Runtime& r, const Value& v, const Arguments& a) {
  return !r.equals(v, other(r, a));
}
bool is_greater(Runtime& r, const Value& v, const Arguments& a) {
  return less(r, other(r, a), v);
}
bool is_less(Runtime& r, const Value& v, const Arguments& a) {
  return less(r, v, other(r, a));
}
bool is_at_least(Runtime& r, const Value& v, const Arguments& a) {
  return less_equal(r, other(r, a), v);
}
bool is_at_most(Runtime& r, const Value& v, const Arguments& a) {
  return less_equal(r, v, other(r, a));
}

struct Entry {
  std::string_view name;
  Test test;
};

constexpr Entry kTests[] = {
    {"!=", is_unequal},
    {"<", is_less},
    {"<=", is_at_most},
    {"==", is_equal},
    {">", is_greater},
    {">=", is_at_least},
    {"boolean", is_boolean},
    {"callable", is_callable},
    {"defined", is_defined},
    {"divisibleby", divides},
    {"eq", is_equal},
    {"equalto", is_equal},
    {"escaped", is_escaped},
    {"even", is_even},
    {"false", is_false},
    {"filter", is_filter},
    {"float", is_float},
    {"ge", is_at_least},
    {"greaterthan", is_greater},
    {"gt", is_greater},
    {"in", is_in},
    {"integer", is_integer},
    {"iterable", is_iterable},
    {"le", is_at_most},
    {"lessthan", is_less},
    {"lower", is_lowercase},
    {"lt", is_less},
    {"mapping", is_mapping},
    {"ne", is_unequal},
    {"none", is_none},
    {"number", is_number},
    {"odd", is_odd},
    {"sameas", is_same},
    {"sequence", is_sequence},
    {"string", is_string},
    {"test", is_test},
    {"true", is_true},
    {"undefined", is_undefined},
    {"upper", is_uppercase},
};

const Entry* find_test(std::string_view name) {
  const auto* at = std::find_if(std::begin(kTests), std::end(kTests),
                                [&](const Entry& e) { return e.name == name; });
  return at == std::end(kTests) ? nullptr : at;
}

}  // namespace

bool less_equal(Runtime& r, const Value& a, const Value& b) {
  // Not "not less", for NaN is neither.
  return less(r, a, b) || r.equals(a, b);
}

bool has_test(std::string_view name) {
  return find_test(name) != nullptr;
}

bool Runtime::test(std::string_view name, const Value& value, const Arguments& arguments) {
  const Entry* entry = find_test(name);
  if (!entry) fail_unsupported(cat("the test '", name, "'"));
  step();
  return entry->test(*this, value, arguments);
}

}  // namespace tern::jinja
