// SPDX-License-Identifier: Apache-2.0
// str.find, count, startswith and their kin: whatever takes a part to look for and bounds.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "methods_text.h"
#include "python_text.h"

namespace tern::jinja::text_methods {

namespace {

/// An optional bound of find, count, startswith, …: an int or None.
struct Window {
  std::string_view text;  // the part between start and stop
  size_t first_char;      // where it begins
  bool valid;             // start is not behind the end
};

std::optional<int64_t> bound(const Parameters& p, size_t i) {
  return p.given(i) ? std::optional(p.integer(i, 0)) : std::nullopt;
}

Window window(const Call& c, const Parameters& p) {
  const auto size = static_cast<int64_t>(c.self.as<String>().chars);
  const auto from = bound(p, 1), to = bound(p, 2);
  if (!from && !to) return {c.text, 0, true};
  const auto clamp = [&](int64_t i) { return std::max<int64_t>(i < 0 ? i + size : i, 0); };
  const int64_t start = clamp(from.value_or(0)), stop = std::min(clamp(to.value_or(size)), size);
  if (start > stop) return {{}, static_cast<size_t>(start), false};
  const size_t begin = byte_of(c.text, static_cast<size_t>(start));
  const std::string_view rest = std::string_view(c.text).substr(begin);
  return {rest.substr(0, byte_of(rest, static_cast<size_t>(stop - start))),
          static_cast<size_t>(start), true};
}

int64_t find_position(const Call& c, std::string_view name, bool backwards) {
  const Parameters p(c.r, name, c.arguments, {"sub", "start", "end"}, 1);
  const std::string what = p.text(0, "");
  if (backwards) charge_backwards(c, what);
  const Window w = window(c, p);
  if (!w.valid) return -1;
  const size_t at = backwards ? w.text.rfind(what) : find_text(w.text, what, 0);
  if (at == std::string_view::npos) return -1;
  return static_cast<int64_t>(w.first_char + text::count_chars(w.text.substr(0, at)));
}

Value affix(const Call& c, std::string_view name, bool at_start) {
  const Parameters p(c.r, name, c.arguments, {"prefix", "start", "end"}, 1);
  const Window w = window(c, p);
  const auto matches = [&](const Value& v) {
    if (!v.is_string()) {
      c.r.defined(v);
      c.r.fail(cat(name, " first arg must be str or a tuple of str, not ", type_name(v)));
    }
    c.r.step();
    return w.valid && (at_start ? w.text.starts_with(v.text()) : w.text.ends_with(v.text()));
  };
  if (!p[0]->is(Kind::tuple)) return Value::of(matches(*p[0]));
  const Values& any = p[0]->as<List>().items;
  return Value::of(std::any_of(any.begin(), any.end(), matches));
}

}  // namespace

void charge_backwards(const Call& c, std::string_view what) {
  c.r.step(static_cast<int64_t>(c.text.size() * std::min<size_t>(what.size(), 1 << 16) / 4096));
}

Value do_find(const Call& c) {
  return Value::of(find_position(c, "find()", false));
}
Value do_rfind(const Call& c) {
  return Value::of(find_position(c, "rfind()", true));
}
Value do_index(const Call& c) {
  const int64_t at = find_position(c, "index()", false);
  if (at < 0) c.r.fail("substring not found");
  return Value::of(at);
}
Value do_rindex(const Call& c) {
  const int64_t at = find_position(c, "rindex()", true);
  if (at < 0) c.r.fail("substring not found");
  return Value::of(at);
}

Value do_count(const Call& c) {
  const Parameters p(c.r, "count()", c.arguments, {"sub", "start", "end"}, 1);
  const std::string what = p.text(0, "");
  const Window w = window(c, p);
  if (!w.valid) return Value::of(int64_t{0});
  if (what.empty()) return Value::of(static_cast<int64_t>(text::count_chars(w.text)) + 1);
  int64_t count = 0;
  for (size_t at = find_text(w.text, what, 0); at != std::string_view::npos;
       at = find_text(w.text, what, at + what.size())) {
    ++count;
  }
  return Value::of(count);
}

Value do_starts(const Call& c) {
  return affix(c, "startswith()", true);
}
Value do_ends(const Call& c) {
  return affix(c, "endswith()", false);
}

}  // namespace tern::jinja::text_methods
