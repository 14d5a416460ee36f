// SPDX-License-Identifier: Apache-2.0
// map, select, reject, selectattr, rejectattr.
#include "../../../engine/base/format.h"
#include "builtins.h"

namespace tern::jinja {

namespace {

/// The name that stands first among the positional arguments; what follows is passed on.
std::string take_name(Runtime& r, Arguments& a, std::string_view what) {
  if (!a.positional[0].is_string()) r.fail(cat(what, " expects a name"));
  std::string name = a.positional[0].text();
  a.positional.erase(a.positional.begin());
  return name;
}

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
  Arguments rest = a;
  const std::string name = take_name(r, rest, "map");
  Values out;
  for (const Value& item : r.items(v)) out.push_back(r.filter(name, item, Arguments(rest)));
  return r.iterator(std::move(out));
}

Value selected(Runtime& r, const Value& v, const Arguments& a, bool wanted, bool by_attribute) {
  if (!truthy(v)) return r.iterator({});
  Arguments rest = a;
  Value path;
  if (by_attribute) {
    if (rest.positional.empty()) r.fail("Missing parameter for attribute name");
    path = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
  }
  const bool tested = !rest.positional.empty();
  const std::string name = tested ? take_name(r, rest, "select") : std::string();
  Values out;
  for (Value& item : r.items(v)) {
    const Value subject = by_attribute ? attribute_path(r, item, path, nullptr) : item;
    const bool holds = tested ? r.test(name, subject, Arguments(rest)) : truthy(subject);
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
