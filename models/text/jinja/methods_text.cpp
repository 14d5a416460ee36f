// SPDX-License-Identifier: Apache-2.0
// The methods of str that a template can call. What returns a text keeps its markup.
#include "methods_text.h"

#include <algorithm>
#include <array>

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

using namespace text_methods;

Value stripped(const Call& c, std::string_view name, Ends ends) {
  const Parameters p(c.r, name, c.arguments, {"chars"});
  if (!p.given(0)) return c.string(std::string(strip(c.text, ends)));
  const std::string chars = p.text(0, "");
  c.r.step(static_cast<int64_t>(c.text.size() * std::min<size_t>(chars.size(), 1 << 16) / 64));
  return c.string(std::string(strip(c.text, ends, chars)));
}

Value do_strip(const Call& c) {
  return stripped(c, "strip()", Ends::both);
}
Value do_lstrip(const Call& c) {
  return stripped(c, "lstrip()", Ends::left);
}
Value do_rstrip(const Call& c) {
  return stripped(c, "rstrip()", Ends::right);
}

Value splitted(const Call& c, std::string_view name, bool from_right) {
  const Parameters p(c.r, name, c.arguments, {"sep", "maxsplit"});
  const int64_t limit = p.integer(1, -1);
  if (!p.given(0)) return c.pieces(split(c.text, {}, c.affordable(limit), from_right));
  const std::string separator = p.text(0, "");
  if (separator.empty()) c.r.fail("empty separator");
  if (from_right) charge_backwards(c, separator);
  c.r.step(static_cast<int64_t>(c.text.size() / separator.size() / 64));
  return c.pieces(split(c.text, separator, c.affordable(limit), from_right));
}

Value do_split(const Call& c) {
  return splitted(c, "split()", false);
}
Value do_rsplit(const Call& c) {
  return splitted(c, "rsplit()", true);
}

Value do_splitlines(const Call& c) {
  const Parameters p(c.r, "splitlines()", c.arguments, {"keepends"});
  return c.pieces(split_lines(c.text, p.truth(0, false), c.affordable()));
}

Value partition(const Call& c, std::string_view name, bool backwards) {
  const Parameters p(c.r, name, c.arguments, {"sep"}, 1);
  const std::string separator = p.text(0, "");
  if (separator.empty()) c.r.fail("empty separator");
  if (backwards) charge_backwards(c, separator);
  const size_t at = backwards ? c.text.rfind(separator) : find_text(c.text, separator, 0);
  if (at == std::string::npos) {
    const Value empty = c.string("");
    return c.r.tuple(backwards ? Values{empty, empty, c.self} : Values{c.self, empty, empty});
  }
  return c.r.tuple({c.string(c.text.substr(0, at)), c.string(separator),
                    c.string(c.text.substr(at + separator.size()))});
}

Value do_partition(const Call& c) {
  return partition(c, "partition()", false);
}
Value do_rpartition(const Call& c) {
  return partition(c, "rpartition()", true);
}

Value do_replace(const Call& c) {
  const Parameters p(c.r, "replace()", c.arguments, {"old", "new", "count"}, 2);
  const std::string from = p.text(0, ""), to = p.text(1, "");
  const int64_t limit = p.integer(2, -1);
  const std::string escaped = c.self.markup() && !p[1]->markup() ? escape_html(to) : to;
  // The result's size is known before it is made; what is too many need not be counted further.
  size_t most = limit < 0 ? SIZE_MAX : static_cast<size_t>(limit);
  const size_t room = c.r.limits().bytes;
  const size_t growth = escaped.size() > from.size() ? escaped.size() - from.size() : 0;
  if (growth > 0) most = std::min(most, room / growth + 1);
  const size_t times = occurrences(c.text, from, most);
  if (growth > 0 && times > room / growth) c.r.bytes(room + 1);
  return c.string(replace(c.text, from, escaped, times));
}

Value do_join(const Call& c) {
  const Parameters p(c.r, "join()", c.arguments, {"iterable"}, 1);
  const Values items = c.r.items(*p[0]);
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string()) {
      c.r.fail(
          cat("sequence item ", i, ": expected str instance, ", type_name(items[i]), " found"));
    }
    if (i > 0) out += c.text;
    out += c.self.markup() && !items[i].markup() ? escape_html(items[i].text()) : items[i].text();
    if (out.size() > c.r.limits().bytes) c.r.bytes(out.size());
  }
  return c.string(std::move(out));
}

Value do_removeprefix(const Call& c) {
  const Parameters p(c.r, "removeprefix()", c.arguments, {"prefix"}, 1);
  const std::string prefix = p.text(0, "");
  return c.string(c.text.starts_with(prefix) ? c.text.substr(prefix.size()) : c.text);
}

Value do_removesuffix(const Call& c) {
  const Parameters p(c.r, "removesuffix()", c.arguments, {"suffix"}, 1);
  const std::string suffix = p.text(0, "");
  return c.string(c.text.ends_with(suffix) ? c.text.substr(0, c.text.size() - suffix.size())
                                           : c.text);
}

/// ljust, rjust and center; `left` of the padding goes before the text.
Value justified(const Call& c, std::string_view name, char side) {
  const Parameters p(c.r, name, c.arguments, {"width", "fillchar"}, 1);
  const std::string fill = p.text(1, " ");
  if (text::count_chars(fill) != 1) {
    c.r.fail("The fill character must be exactly one character long");
  }
  const auto size = static_cast<int64_t>(c.self.as<String>().chars), width = p.integer(0, 0);
  const int64_t room = std::max<int64_t>(width - size, 0);
  if (room > static_cast<int64_t>(c.r.limits().bytes)) c.r.bytes(c.r.limits().bytes + 1);
  // An odd space goes to the left when the width is odd, too: CPython's rule.
  const int64_t left = side == 'l' ? 0 : side == 'r' ? room : room / 2 + (room & width & 1);
  const std::string before = repeated(fill, static_cast<size_t>(left));
  return c.string(before + c.text + repeated(fill, static_cast<size_t>(room - left)));
}

Value do_ljust(const Call& c) {
  return justified(c, "ljust()", 'l');
}
Value do_rjust(const Call& c) {
  return justified(c, "rjust()", 'r');
}
Value do_center(const Call& c) {
  return justified(c, "center()", 'c');
}

Value do_zfill(const Call& c) {
  const Parameters p(c.r, "zfill()", c.arguments, {"width"}, 1);
  const int64_t room =
      std::max<int64_t>(p.integer(0, 0) - static_cast<int64_t>(c.self.as<String>().chars), 0);
  if (room > static_cast<int64_t>(c.r.limits().bytes)) c.r.bytes(c.r.limits().bytes + 1);
  const bool sign = c.text.starts_with('-') || c.text.starts_with('+');
  std::string out = c.text;
  out.insert(sign ? 1 : 0, static_cast<size_t>(room), '0');
  return c.string(std::move(out));
}

Value do_expandtabs(const Call& c) {
  const Parameters p(c.r, "expandtabs()", c.arguments, {"tabsize"});
  const int64_t size = p.integer(0, 8);
  std::string out;
  int64_t column = 0;
  for (const char ch : c.text) {
    if (ch == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      if (spaces > static_cast<int64_t>(c.r.limits().bytes)) c.r.bytes(c.r.limits().bytes + 1);
      out.append(static_cast<size_t>(spaces), ' ');
      column += spaces;
      if (out.size() > c.r.limits().bytes) c.r.bytes(out.size());
      continue;
    }
    out += ch;
    column = ch == '\n' || ch == '\r' ? 0 : column + !text::is_continuation(ch);
  }
  return c.string(std::move(out));
}

Value do_format(const Call& c) {
  return c.string(brace_format(c.r, c.text, c.arguments));
}

Value do_format_map(const Call& c) {
  const Parameters p(c.r, "format_map()", c.arguments, {"mapping"}, 1);
  if (!p[0]->is(Kind::dict)) c.r.fail("format_map() expects a dict");
  Arguments named;
  for (const auto& [key, value] : p[0]->as<Dict>().items) {
    if (key.is_string()) named.named.emplace_back(key.text(), value);
  }
  return c.string(brace_format(c.r, c.text, named));
}

template <std::string (*Change)(std::string_view)>
Value changed(const Call& c) {
  c.none("the method");
  c.r.step(static_cast<int64_t>(c.text.size() / 16));
  return c.string(Change(c.text));
}

template <uint32_t Flags>
Value all(const Call& c) {
  c.none("the method");
  return Value::of(all_have(c.text, Flags));
}

template <bool (*Is)(std::string_view) noexcept>
Value is(const Call& c) {
  c.none("the method");
  return Value::of(Is(c.text));
}

bool all_space(std::string_view text) noexcept {
  return !text.empty() && strip(text, Ends::left).empty();
}
bool all_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char ch) { return static_cast<signed char>(ch) >= 0; });
}
bool printable(std::string_view text) noexcept {
  return text.empty() || all_have(text, kPrintable);
}

struct Method {
  std::string_view name;
  Value (*call)(const Call&);
};

constexpr Method kMethods[] = {
    {"capitalize", changed<capitalize>},
    {"casefold", nullptr},
    {"center", do_center},
    {"count", do_count},
    {"encode", nullptr},
    {"endswith", do_ends},
    {"expandtabs", do_expandtabs},
    {"find", do_find},
    {"format", do_format},
    {"format_map", do_format_map},
    {"index", do_index},
    {"isalnum", all<kAlpha | kDecimal | kDigit | kNumeric>},
    {"isalpha", all<kAlpha>},
    {"isascii", is<all_ascii>},
    {"isdecimal", all<kDecimal>},
    {"isdigit", all<kDigit>},
    {"isidentifier", nullptr},
    {"islower", is<is_lower>},
    {"isnumeric", all<kNumeric>},
    {"isprintable", is<printable>},
    {"isspace", is<all_space>},
    {"istitle", is<is_title>},
    {"isupper", is<is_upper>},
    {"join", do_join},
    {"ljust", do_ljust},
    {"lower", changed<lower>},
    {"lstrip", do_lstrip},
    {"maketrans", nullptr},
    {"partition", do_partition},
    {"removeprefix", do_removeprefix},
    {"removesuffix", do_removesuffix},
    {"replace", do_replace},
    {"rfind", do_rfind},
    {"rindex", do_rindex},
    {"rjust", do_rjust},
    {"rpartition", do_rpartition},
    {"rsplit", do_rsplit},
    {"rstrip", do_rstrip},
    {"split", do_split},
    {"splitlines", do_splitlines},
    {"startswith", do_starts},
    {"strip", do_strip},
    {"swapcase", changed<swapcase>},
    {"title", changed<title>},
    {"translate", nullptr},
    {"upper", changed<upper>},
    {"zfill", do_zfill},
};

Value call(const Method& method, Runtime& r, const Value& self, const Arguments& arguments) {
  r.bytes(self.text().size());
  if (!method.call) r.fail_unsupported(cat("str.", method.name));
  return method.call({r, self, self.text(), arguments});
}

template <size_t I>
Value run(Runtime& r, const Value& self, const Arguments& arguments) {
  return call(kMethods[I], r, self, arguments);
}

template <size_t... I>
constexpr std::array<Function, sizeof...(I)> functions(std::index_sequence<I...>) {
  return {run<I>...};
}
constexpr auto kFunctions = functions(std::make_index_sequence<std::size(kMethods)>());

}  // namespace

std::optional<Value> text_method(Runtime&, const Value& object, const std::string& name) {
  const auto* at =
      std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                       [](const Method& m, const std::string& n) { return m.name < n; });
  if (at == std::end(kMethods) || at->name != name) return std::nullopt;
  return make_function(name, kFunctions[static_cast<size_t>(at - std::begin(kMethods))], object);
}

}  // namespace tern::jinja
