// SPDX-License-Identifier: Apache-2.0
// The tables of filters and tests: which names exist, for the parser's check.
#pragma once

#include <span>

#include "runtime.h"

namespace tern::jinja {

using Filter = Value (*)(Runtime& r, const Value& v, const Arguments& arguments);
struct FilterEntry {
  std::string_view name;
  Filter filter;  // nullptr: jinja2 has it, this interpreter does not
};

// filters_text.cpp, filters_items.cpp, filters_order.cpp, filters_select.cpp
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> item_filters();
std::span<const FilterEntry> order_filters();
std::span<const FilterEntry> select_filters();

bool has_filter(std::string_view name);
bool has_test(std::string_view name);

/// Python's <=.
bool less_equal(Runtime& r, const Value& a, const Value& b);

/// "a.b.0" as filters with `attribute` read it: items first, then attributes; an undefined step
/// gives `fallback` when there is one.
Value attribute_path(Runtime& r, const Value& v, const Value& path, const Value* fallback);

}  // namespace tern::jinja
