// SPDX-License-Identifier: Apache-2.0
// map, select, reject, selectattr, rejectattr.
#include <optional>

#include "../../../engine/base/format.h"
#include "builtins.h"

namespace tern::jinja {

namespace {

/// What is called for every item: the name that stands at `i` of the positional arguments, and
/// what follows it. map('map', 'map', …) calls itself: one more call while it lives.
class Callee {
 public:
  Callee(Runtime& r, const Arguments& a, size_t i, std::string_view what) : nested_(r) {
    if (!a.positional[i].is_string()) r.fail(cat(what, " expects a name"));
    r.step(static_cast<int64_t>(a.positional.size() + a.named.size()));
    name = a.positional[i].text();
    rest.positional.assign(a.positional.begin() + static_cast<ptrdiff_t>(i) + 1,
                           a.positional.end());
    rest.named = a.named;
  }

  std::string name;
  Arguments rest;

 private:
  const Runtime::Nested nested_;
};

Value map_attribute(Runtime& r, const Value& v, const Arguments& a) {
  const Value *path = nullptr, *fallback = nullptr;
  for (const auto& [name, value] : a.named) {
    if (name == "attribute") {
      path = &value;
    } else if (name == "default") {
      fallback = &value;
    } else {
      r.fail(cat("Unexpected keyword argument '", name, "'"));
    }
  }
  if (!path) r.fail("map requires a filter argument");
  if (fallback && fallback->is_none()) fallback = nullptr;
  Values out;
  for (const Value& item : r.items(v)) out.push_back(attribute_path(r, item, *path, fallback));
  return r.iterator(std::move(out));
}

Value do_map(Runtime& r, const Value& v, const Arguments& a) {
  if (!truthy(v)) return r.iterator({});
  if (a.positional.empty()) return map_attribute(r, v, a);
  const Callee callee(r, a, 0, "map");
  Values out;
  for (const Value& item : r.items(v)) out.push_back(r.filter(callee.name, item, callee.rest));
  return r.iterator(std::move(out));
}

Value selected(Runtime& r, const Value& v, const Arguments& a, bool wanted, bool by_attribute) {
  if (!truthy(v)) return r.iterator({});
  if (by_attribute && a.positional.empty()) r.fail("Missing parameter for attribute name");
  const size_t first = by_attribute ? 1 : 0;
  std::optional<Callee> test;
  if (a.positional.size() > first) test.emplace(r, a, first, "select");
  Values out;
  for (Value& item : r.items(v)) {
    const Value subject = by_attribute ? attribute_path(r, item, a.positional[0], nullptr) : item;
    const bool holds = test ? r.test(test->name, subject, test->rest) : truthy(subject);
    if (holds == wanted) out.push_back(std::move(item));
  }
  return r.iterator(std::move(out));
}

Value do_select(Runtime& r, const Value& v, const Arguments& a) {
  return selected(r, v, a, true, false);
}
Value do_reject(Runtime& r, const Value& v, const Arguments& a) {
  return selected(r, v, a, false, false);
}
Value do_selectattr(Runtime& r, const Value& v, const Arguments& a) {
  return selected(r, v, a, true, true);
}
Value do_rejectattr(Runtime& r, const Value& v, const Arguments& a) {
  return selected(r, v, a, false, true);
}

constexpr FilterEntry kFilters[] = {
    {"map", do_map},       {"reject", do_reject},         {"rejectattr", do_rejectattr},
    {"select", do_select}, {"selectattr", do_selectattr},
};

}  // namespace

std::span<const FilterEntry> select_filters() {
  return kFilters;
}

}  // namespace tern::jinja
