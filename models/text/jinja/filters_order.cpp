// SPDX-License-Identifier: Apache-2.0
// Filters that compare items: sort, unique, min, max, groupby, dictsort; and sum.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "builtins.h"
#include "numbers.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

Value folded(Runtime& r, const Value& v, bool case_sensitive) {
  return v.is_string() && !case_sensitive ? r.string(lower(v.text())) : v;
}

/// The comparison key of an item: itself or its attributes ("a,b": several).
Value key_of(Runtime& r, const Value& item, const Value* attribute, bool case_sensitive,
             bool several) {
  if (!attribute || attribute->is_none()) return folded(r, item, case_sensitive);
  if (!several || !attribute->is_string()) {
    return folded(r, attribute_path(r, item, *attribute, nullptr), case_sensitive);
  }
  Values keys;
  const auto parts = split(attribute->text(), ",", r.steps_left(), false);
  r.step(static_cast<int64_t>(parts.size()));
  for (const std::string_view part : parts) {
    keys.push_back(
        folded(r, attribute_path(r, item, r.string(std::string(part)), nullptr), case_sensitive));
  }
  return r.list(std::move(keys));
}

struct Keyed {
  Value key, item;
};

/// Stable, in either direction. std::stable_sort with a comparison that throws leaves values in
/// place, and a comparison that is no order (NaN) must not break it: hence a plain merge sort.
void merge_sort(Runtime& r, std::vector<Keyed>& items, bool reverse) {
  std::vector<Keyed> other(items.size());
  const auto before = [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(r, b.key, a.key) : less(r, a.key, b.key);
  };
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin, right = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool take_right =
            left == middle || (right < end && before(items[right], items[left]));
        other[out] = take_right ? items[right++] : items[left++];
      }
    }
    items.swap(other);
  }
}

Value do_sort(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "sort", a, {"reverse", "case_sensitive", "attribute"});
  std::vector<Keyed> keyed;
  for (Value& item : r.items(v)) {
    Value key = key_of(r, item, p[2], p.truth(1, false), true);
    keyed.push_back({std::move(key), std::move(item)});
  }
  merge_sort(r, keyed, p.truth(0, false));
  Values out;
  for (Keyed& k : keyed) out.push_back(std::move(k.item));
  return r.list(std::move(out));
}

Value do_unique(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "unique", a, {"case_sensitive", "attribute"});
  Dict seen;
  Values out;
  for (Value& item : r.items(v)) {
    const Value key = key_of(r, item, p[1], p.truth(0, false), false);
    const size_t before = seen.items.size();
    r.set(seen, key, Value::none());
    if (seen.items.size() > before) out.push_back(std::move(item));
  }
  return r.iterator(std::move(out));
}

Value extreme(Runtime& r, const Value& v, const Arguments& a, bool greatest) {
  const Parameters p(r, greatest ? "max" : "min", a, {"case_sensitive", "attribute"});
  const Values items = r.items(v);
  if (items.empty()) return make_undefined("No aggregated item, sequence was empty.");
  size_t best = 0;
  Value best_key = key_of(r, items[0], p[1], p.truth(0, false), false);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = key_of(r, items[i], p[1], p.truth(0, false), false);
    if (greatest ? !less(r, best_key, key) : !less(r, key, best_key)) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value do_min(Runtime& r, const Value& v, const Arguments& a) {
  return extreme(r, v, a, false);
}
Value do_max(Runtime& r, const Value& v, const Arguments& a) {
  return extreme(r, v, a, true);
}

Value do_sum(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "sum", a, {"attribute", "start"});
  Value total = p[1] ? *p[1] : Value::of(int64_t{0});
  if (total.is_string()) r.fail("sum() can't sum strings");
  for (const Value& item : r.items(v)) {
    total =
        binary(r, Binary::add, total, p.given(0) ? attribute_path(r, item, *p[0], nullptr) : item);
  }
  return total;
}

Value do_dictsort(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "dictsort", a, {"case_sensitive", "by", "reverse"});
  const std::string by = p.text(1, "key");
  if (by != "key" && by != "value") r.fail("You can only sort by either \"key\" or \"value\"");
  if (!v.is(Kind::dict)) {
    r.defined(v);
    r.fail(cat("'", type_name(v), "' object has no attribute 'items'"));
  }
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : v.as<Dict>().items) {
    keyed.push_back(
        {folded(r, by == "key" ? key : value, p.truth(0, false)), r.tuple({key, value})});
  }
  merge_sort(r, keyed, p.truth(2, false));
  Values out;
  for (Keyed& k : keyed) out.push_back(std::move(k.item));
  return r.list(std::move(out));
}

Value group(Runtime& r, Value key, Values items) {
  Value out = r.tuple({std::move(key), r.list(std::move(items))});
  out.as<List>().group = true;
  return out;
}

Value do_groupby(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "groupby", a, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = p.truth(2, false);
  const Value* fallback = p.given(1) ? p[1] : nullptr;
  std::vector<Keyed> keyed;
  for (Value& item : r.items(v)) {
    Value key = folded(r, attribute_path(r, item, *p[0], fallback), case_sensitive);
    keyed.push_back({std::move(key), std::move(item)});
  }
  merge_sort(r, keyed, false);
  Values out, members;
  for (size_t i = 0; i < keyed.size(); ++i) {
    members.push_back(keyed[i].item);
    if (i + 1 < keyed.size() && r.equals(keyed[i].key, keyed[i + 1].key)) continue;
    // The group bears the key of its first member as it is written there.
    Value key = case_sensitive ? keyed[i].key : attribute_path(r, members.front(), *p[0], fallback);
    out.push_back(group(r, std::move(key), std::move(members)));
    members.clear();
  }
  return r.list(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"dictsort", do_dictsort}, {"groupby", do_groupby}, {"max", do_max},       {"min", do_min},
    {"sort", do_sort},         {"sum", do_sum},         {"unique", do_unique},
};

}  // namespace

std::span<const FilterEntry> order_filters() {
  return kFilters;
}

Value attribute_path(Runtime& r, const Value& v, const Value& path, const Value* fallback) {
  if (!path.is_string()) return item(r, v, path);
  Value at = v;
  const auto parts = split(path.text(), ".", r.steps_left(), false);
  r.step(static_cast<int64_t>(parts.size()));
  for (const std::string_view part : parts) {
    bool big = false;
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    const auto index = digits ? parse_integer(part, 10, big) : std::nullopt;
    at = item(r, at, index ? Value::of(*index) : r.string(std::string(part)));
    if (fallback && at.is_undefined()) at = *fallback;
  }
  return at;
}

}  // namespace tern::jinja
