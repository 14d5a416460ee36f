// SPDX-License-Identifier: Apache-2.0
// The methods of str lie in two files: methods_text.cpp (and their table), methods_text_find.cpp.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "runtime.h"

namespace tern::jinja::text_methods {

/// What a method needs of its call.
struct Call {
  Runtime& r;
  const Value& self;
  const std::string& text;
  const Arguments& arguments;

  Value string(std::string out) const { return r.string(std::move(out), self.markup()); }
  Parameters none(std::string_view name) const { return Parameters(r, name, arguments, {}); }
  /// As many pieces as the budget pays for, and one that it does not.
  int64_t affordable(int64_t limit = -1) const {
    return limit < 0 ? r.steps_left() : std::min(limit, r.steps_left());
  }
  Value pieces(const std::vector<std::string_view>& parts) const {
    r.step(static_cast<int64_t>(parts.size()));
    Values out;
    out.reserve(parts.size());
    for (const std::string_view part : parts) out.push_back(string(std::string(part)));
    return r.list(std::move(out));
  }
};

/// rfind is naive: the worst case is paid for in advance.
void charge_backwards(const Call& c, std::string_view what);

// methods_text_find.cpp
Value do_find(const Call& c);
Value do_rfind(const Call& c);
Value do_index(const Call& c);
Value do_rindex(const Call& c);
Value do_count(const Call& c);
Value do_starts(const Call& c);
Value do_ends(const Call& c);

}  // namespace tern::jinja::text_methods
