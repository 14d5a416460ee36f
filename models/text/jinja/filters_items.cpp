// SPDX-License-Identifier: Apache-2.0
// Filters over one value or sequence; also how a filter is found.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "builtins.h"
#include "numbers.h"

namespace tern::jinja {

namespace {

Value do_default(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "default", a, {"default_value", "boolean"});
  if (!v.is_undefined() && (truthy(v) || !p.truth(1, false))) return v;
  return p[0] ? *p[0] : r.string("");
}

Value do_length(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "length", a, {});
  const auto size = r.size(v);
  if (!size) r.fail(cat("object of type '", type_name(v), "' has no len()"));
  return Value::of(*size);
}

/// What Python's reversed() goes through.
Values reversed(Runtime& r, const Value& v) {
  if (v.is(Kind::iterator) || v.is(Kind::loop)) {
    r.fail(cat("'", type_name(v), "' object is not reversible"));
  }
  Values out = r.items(v);
  std::reverse(out.begin(), out.end());
  return out;
}

Value do_first(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "first", a, {});
  if (v.is(Kind::iterator)) {
    Iterator& iterator = v.as<Iterator>();
    if (iterator.next < iterator.items.size()) return iterator.items[iterator.next++];
  } else {
    const Values items = r.items(v);
    if (!items.empty()) return items.front();
  }
  return make_undefined("No first item, sequence was empty.");
}

Value do_last(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "last", a, {});
  const Values items = reversed(r, v);
  return items.empty() ? make_undefined("No last item, sequence was empty.") : items.front();
}

Value do_reverse(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "reverse", a, {});
  if (v.is_string()) {
    std::string out;
    for (const Value& c : reversed(r, v)) out += c.text();
    return r.string(std::move(out), v.markup());
  }
  if (!v.is(Kind::iterator)) return r.iterator(reversed(r, v), "list_reverseiterator");
  Values out = r.items(v);
  std::reverse(out.begin(), out.end());
  return r.list(std::move(out));
}

Value do_list(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "list", a, {});
  return r.list(r.items(v));
}

Value do_join(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "join", a, {"d", "attribute"});
  const std::string separator = p[0] ? r.text(*p[0]) : std::string();
  std::string out;
  bool first = true;
  for (const Value& item : r.items(v)) {
    if (!first) out += separator;
    first = false;
    out += r.text(p.given(1) ? attribute_path(r, item, *p[1], nullptr) : item);
    if (out.size() > r.limits().bytes) r.bytes(out.size());
  }
  return r.string(std::move(out));
}

Value do_items(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "items", a, {});
  if (v.is_undefined()) return r.iterator({});
  if (!v.is(Kind::dict)) r.fail("Can only get item pairs from a mapping.");
  Values out;
  for (const auto& [key, value] : v.as<Dict>().items) out.push_back(r.tuple({key, value}));
  return r.iterator(std::move(out));
}

Value do_attr(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "attr", a, {"name"}, 1);
  return plain_attribute(r, v, p.text(0, ""));
}

Value do_abs(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "abs", a, {});
  if (v.is_integral()) return v.integer() < 0 ? negative(r, v) : positive(r, v);
  if (v.is(Kind::real)) return Value::of(std::fabs(v.real()));
  r.defined(v);
  r.fail(cat("bad operand type for abs(): '", type_name(v), "'"));
}

std::optional<Value> truncated(Runtime& r, double d) {
  if (!std::isfinite(d)) return std::nullopt;
  if (std::fabs(d) >= 9.2e18) r.fail_unsupported("an integer beyond 64 bits");
  return Value::of(static_cast<int64_t>(d));
}

Value do_int(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "int", a, {"default", "base"});
  const Value fallback = p[0] ? *p[0] : Value::of(int64_t{0});
  r.defined(v);
  if (v.is_integral()) return Value::of(v.integer());
  if (v.is(Kind::big)) return v;
  if (v.is(Kind::real)) {
    if (std::isinf(v.real())) r.fail("cannot convert float infinity to integer");
    return truncated(r, v.real()).value_or(fallback);
  }
  if (!v.is_string()) return fallback;
  const int64_t base = p.integer(1, 10);
  if (base != 0 && (base < 2 || base > 36)) return fallback;
  bool big = false;
  r.bytes(v.text().size());
  if (const auto i = parse_integer(v.text(), static_cast<int>(base), big)) return Value::of(*i);
  if (big) r.fail_unsupported("an integer beyond 64 bits");
  const auto d = parse_float(v.text());
  return d ? truncated(r, *d).value_or(fallback) : fallback;
}

Value do_float(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "float", a, {"default"});
  r.defined(v);
  if (v.is_integral()) return Value::of(static_cast<double>(v.integer()));
  if (v.is(Kind::real)) return v;
  if (v.is_string() || v.is(Kind::big)) {
    r.bytes(v.text().size());
    if (const auto d = parse_float(v.text())) return Value::of(*d);
  }
  return p[0] ? *p[0] : Value::of(0.0);
}

Value do_round(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "round", a, {"precision", "method"});
  const int64_t precision = p.integer(0, 0);
  const std::string method = p.text(1, "common");
  if (method != "common" && method != "ceil" && method != "floor") {
    r.fail("method must be common, ceil or floor");
  }
  if (!v.is_number() || v.is(Kind::big)) {
    r.defined(v);
    r.fail(cat("type ", type_name(v), " doesn't define __round__ method"));
  }
  if (method == "common") {
    if (v.is(Kind::real)) return Value::of(round_to(v.real(), precision));
    if (precision >= 0) return Value::of(v.integer());
    return truncated(r, round_to(static_cast<double>(v.integer()), precision)).value_or(v);
  }
  const Value scale = binary(r, Binary::power, Value::of(int64_t{10}), Value::of(precision));
  const Value scaled = binary(r, Binary::multiply, v, scale);
  if (scaled.is_integral()) return binary(r, Binary::divide, scaled, scale);
  if (!std::isfinite(scaled.real())) r.fail("cannot convert float infinity to integer");
  const double whole = method == "ceil" ? std::ceil(scaled.real()) : std::floor(scaled.real());
  return binary(r, Binary::divide, *truncated(r, whole), scale);
}

/// Lists of `size` items, the last one filled up.
Value do_batch(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "batch", a, {"linecount", "fill_with"}, 1);
  const int64_t size = p.integer(0, 0);
  Values out, row;
  for (Value& item : r.items(v)) {
    if (static_cast<int64_t>(row.size()) == size) {
      out.push_back(r.list(std::move(row)));
      row.clear();
    }
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (p.given(1) && static_cast<int64_t>(row.size()) < size) {
      r.step(size - static_cast<int64_t>(row.size()));
      row.resize(static_cast<size_t>(size), *p[1]);
    }
    out.push_back(r.list(std::move(row)));
  }
  return r.iterator(std::move(out));
}

/// `slices` lists of nearly equal length.
Value do_slice(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "slice", a, {"slices", "fill_with"}, 1);
  const int64_t slices = p.integer(0, 0);
  const Values items = r.items(v);
  const auto length = static_cast<int64_t>(items.size());
  if (slices == 0) r.fail("integer division or modulo by zero");
  if (slices < 0) return r.iterator({});
  r.step(slices);
  const int64_t each = length / slices, longer = length % slices;
  Values out;
  int64_t offset = 0;
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t begin = offset + i * each;
    if (i < longer) ++offset;
    const int64_t end = offset + (i + 1) * each;
    Values row(items.begin() + begin, items.begin() + end);
    if (p.given(1) && i >= longer) row.push_back(*p[1]);
    out.push_back(r.list(std::move(row)));
  }
  return r.iterator(std::move(out));
}

/// pprint.pformat, for what fits in one line of it.
Value do_pprint(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "pprint", a, {});
  constexpr size_t kLine = 80;
  std::string out = r.repr(v);
  if (out.size() > kLine || v.is(Kind::dict))
    r.fail_unsupported("the filter 'pprint' of more than a line");
  return r.string(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"abs", do_abs},         {"attr", do_attr},       {"batch", do_batch},   {"count", do_length},
    {"d", do_default},       {"default", do_default}, {"first", do_first},   {"float", do_float},
    {"int", do_int},         {"items", do_items},     {"join", do_join},     {"last", do_last},
    {"length", do_length},   {"list", do_list},       {"pprint", do_pprint}, {"random", nullptr},
    {"reverse", do_reverse}, {"round", do_round},     {"slice", do_slice},
};

const FilterEntry* find_filter(std::string_view name) {
  for (const auto table : {std::span<const FilterEntry>(kFilters), text_filters(), order_filters(),
                           select_filters()}) {
    const auto at = std::find_if(table.begin(), table.end(),
                                 [&](const FilterEntry& e) { return e.name == name; });
    if (at != table.end()) return &*at;
  }
  return nullptr;
}

}  // namespace

std::span<const FilterEntry> item_filters() {
  return kFilters;
}

bool has_filter(std::string_view name) {
  return find_filter(name) != nullptr;
}

Value Runtime::filter(std::string_view name, const Value& value, const Arguments& arguments) {
  const FilterEntry* entry = find_filter(name);
  if (!entry || !entry->filter) fail_unsupported(cat("the filter '", name, "'"));
  step();
  return entry->filter(*this, value, arguments);
}

}  // namespace tern::jinja
