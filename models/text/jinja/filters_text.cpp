// SPDX-License-Identifier: Apache-2.0
// Filters that make text of text.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "builtins.h"
#include "numbers.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

Value changed(Runtime& r, const Value& v, const Arguments& a, std::string_view name,
              std::string (*change)(std::string_view)) {
  const Parameters p(r, name, a, {});
  const Value text = r.soft_text(v);
  r.step(static_cast<int64_t>(text.text().size() / 16));
  return r.string(change(text.text()), text.markup());
}

Value do_lower(Runtime& r, const Value& v, const Arguments& a) {
  return changed(r, v, a, "lower", lower);
}
Value do_upper(Runtime& r, const Value& v, const Arguments& a) {
  return changed(r, v, a, "upper", upper);
}
Value do_capitalize(Runtime& r, const Value& v, const Arguments& a) {
  return changed(r, v, a, "capitalize", capitalize);
}

/// A word begins behind white space and behind - ( { [ <.
std::string title_words(std::string_view text) {
  std::string out;
  size_t begin = 0;
  const auto flush = [&](size_t end) {
    if (end == begin) return;
    const size_t head = begin + text::utf8_length(text[begin]);
    out += upper(text.substr(begin, head - begin));
    out += lower(text.substr(head, end - head));
  };
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = text::next_char(text, i);
    if (!is_space(c) && c != '-' && c != '(' && c != '{' && c != '[' && c != '<') continue;
    flush(at);
    out += text.substr(at, i - at);
    begin = i;
  }
  flush(text.size());
  return out;
}

Value do_title(Runtime& r, const Value& v, const Arguments& a) {
  return changed(r, v, a, "title", title_words);
}

Value do_trim(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "trim", a, {"chars"});
  const Value text = r.soft_text(v);
  if (!p.given(0)) return r.string(std::string(strip(text.text(), Ends::both)), text.markup());
  const std::string chars = p.text(0, "");
  r.step(static_cast<int64_t>(text.text().size() * std::min<size_t>(chars.size(), 1 << 16) / 64));
  return r.string(std::string(strip(text.text(), Ends::both, chars)), text.markup());
}

Value do_replace(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "replace", a, {"old", "new", "count"}, 2);
  // Not what str.replace does: without autoescape, markup is lost.
  const Value text = r.string(r.text(v));
  Arguments call;
  call.positional = {r.soft_text(*p[0]), r.soft_text(*p[1])};
  if (p.given(2)) call.positional.push_back(*p[2]);
  return r.call(*text_method(r, text, "replace"), std::move(call));
}

Value do_string(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "string", a, {});
  return r.soft_text(v);
}

Value do_safe(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "safe", a, {});
  return r.string(r.text(v), true);
}

Value do_escape(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "escape", a, {});
  return v.markup() ? v : r.string(escape_html(r.text(v)), true);
}

Value do_forceescape(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "forceescape", a, {});
  return r.string(escape_html(r.text(v)), true);
}

Value do_format(Runtime& r, const Value& v, const Arguments& a) {
  if (!a.positional.empty() && !a.named.empty()) {
    r.fail("can't handle positional and keyword arguments at the same time");
  }
  const Value text = r.soft_text(v);
  if (a.named.empty())
    return r.string(percent_format(r, text, r.tuple(a.positional)), text.markup());
  Dict named;
  for (const auto& [key, value] : a.named) r.set(named, r.string(key), value);
  return r.string(percent_format(r, text, r.dict(std::move(named))), text.markup());
}

Value do_indent(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "indent", a, {"width", "first", "blank"});
  std::string indention;
  if (p[0] && p[0]->is_string()) {
    indention = p[0]->text();
  } else {
    const int64_t width = p.integer(0, 4);
    if (width > static_cast<int64_t>(r.limits().bytes)) r.bytes(r.limits().bytes + 1);
    indention.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  if (!v.is_string()) {
    r.defined(v);
    r.fail(cat("indent expects a string, not ", type_name(v)));
  }
  // Refused before anything is made of them.
  const auto breaks = std::count(v.text().begin(), v.text().end(), '\n');
  if (breaks > r.steps_left()) r.step(breaks);
  const std::string text = v.text() + '\n';
  const bool blank = p.truth(2, false);
  std::string out;
  bool first_line = true;
  const auto lines = split_lines(text, false, r.steps_left());
  r.step(static_cast<int64_t>(lines.size()));
  for (const std::string_view line : lines) {
    if (!first_line) out += '\n';
    if (first_line ? p.truth(1, false) : (blank || !line.empty())) out += indention;
    first_line = false;
    out += line;
    if (out.size() > r.limits().bytes) r.bytes(out.size());
  }
  return r.string(std::move(out), v.markup());
}

Value do_wordcount(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "wordcount", a, {});
  const std::string text = r.text(v);
  r.step(static_cast<int64_t>(text.size() / 16));
  int64_t words = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = text::next_char(text, i);
    const bool word = c == '_' || (char_flags(c) & (kAlpha | kDecimal | kDigit | kNumeric)) != 0;
    words += word && !inside;
    inside = word;
  }
  return Value::of(words);
}

Value do_center(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "center", a, {"width"});
  Arguments call;
  call.positional = {p[0] ? *p[0] : Value::of(int64_t{80})};
  return r.call(*text_method(r, r.soft_text(v), "center"), std::move(call));
}

Value do_truncate(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "truncate", a, {"length", "killwords", "end", "leeway"});
  const int64_t length = p.integer(0, 255);
  const std::string end = p.text(2, "...");
  const int64_t leeway = p.given(3) ? p.integer(3, 5) : 5;
  const auto end_size = static_cast<int64_t>(text::count_chars(end));
  if (length < end_size) r.fail(cat("expected length >= ", end_size, ", got ", length));
  if (leeway < 0) r.fail(cat("expected leeway >= 0, got ", leeway));
  if (!v.is_string()) {
    const auto size = r.size(v);
    if (size && *size <= length + leeway) return v;
    r.fail(cat("truncate expects a string, not ", type_name(v)));
  }
  const String& string = v.as<String>();
  if (static_cast<int64_t>(string.chars) <= length ||
      static_cast<int64_t>(string.chars) - leeway <= length)
    return v;
  std::string kept =
      string.text.substr(0, byte_of(string.text, static_cast<size_t>(length - end_size)));
  if (!p.truth(1, false)) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  return r.string(kept + end, v.markup());
}

/// Percent-encoding of what urllib.parse.quote does not keep.
std::string quoted(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Value do_urlencode(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "urlencode", a, {});
  if (v.is_string() || !r.size(v)) return r.string(quoted(r.text(v), true));
  const auto query = [&](const Value& part) {
    std::string out = quoted(r.text(part), false);
    return replace(out, "%20", "+", occurrences(out, "%20", SIZE_MAX));
  };
  std::string out;
  const auto add = [&](const Value& key, const Value& value) {
    out += cat(out.empty() ? "" : "&", query(key), "=", query(value));
  };
  if (v.is(Kind::dict)) {
    for (const auto& [key, value] : v.as<Dict>().items) add(key, value);
  } else {
    for (const Value& pair : r.items(v)) {
      const Values both = r.items(pair);
      if (both.size() != 2) r.fail("urlencode expects pairs");
      add(both[0], both[1]);
    }
  }
  return r.string(std::move(out));
}

Value do_filesizeformat(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "filesizeformat", a, {"binary"});
  const bool binary_units = p.truth(0, false);
  Arguments strict;
  strict.positional = {Value::none()};
  const Value number = r.filter("float", v, strict);
  if (number.is_none()) r.fail("filesizeformat expects a number");
  const double size = number.real();
  const double base = binary_units ? 1024 : 1000;
  constexpr std::string_view kLetters = "kMGTPEZY";
  if (size == 1) return r.string("1 Byte");
  if (size < base) return r.string(cat(static_cast<int64_t>(size), " Bytes"));
  double unit = base;
  for (size_t i = 0;; ++i) {
    unit *= base;
    if (size < unit || i + 1 == kLetters.size()) {
      const NumberStyle style{'f', 1, false, 0};
      std::string out = cat(float_digits(base * size / unit, style), " ");
      out += binary_units && i == 0 ? 'K' : kLetters[i];
      return r.string(out + (binary_units ? "iB" : "B"));
    }
  }
}

Value do_tojson(Runtime& r, const Value& v, const Arguments& a) {
  const Parameters p(r, "tojson", a, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = p.truth(0, false);
  style.sort_keys = p.truth(3, false);
  if (p.given(1)) {
    style.item_separator.assign(1, ',');
    if (p[1]->is_string()) {
      style.indent = p[1]->text();
    } else {
      const int64_t width = std::max<int64_t>(p.integer(1, 0), 0);
      if (width > static_cast<int64_t>(r.limits().bytes)) r.bytes(r.limits().bytes + 1);
      style.indent = std::string(static_cast<size_t>(width), ' ');
    }
  }
  if (p.given(2)) {
    const Values both = r.items(*p[2]);
    if (both.size() != 2 || !both[0].is_string() || !both[1].is_string()) {
      r.fail("tojson: separators must be a pair of strings");
    }
    style.item_separator = both[0].text();
    style.key_separator = both[1].text();
  }
  return r.string(to_json(r, v, style));
}

constexpr FilterEntry kFilters[] = {
    {"capitalize", do_capitalize},
    {"center", do_center},
    {"e", do_escape},
    {"escape", do_escape},
    {"filesizeformat", do_filesizeformat},
    {"forceescape", do_forceescape},
    {"format", do_format},
    {"indent", do_indent},
    {"lower", do_lower},
    {"replace", do_replace},
    {"safe", do_safe},
    {"string", do_string},
    {"striptags", nullptr},
    {"title", do_title},
    {"tojson", do_tojson},
    {"trim", do_trim},
    {"truncate", do_truncate},
    {"upper", do_upper},
    {"urlencode", do_urlencode},
    {"urlize", nullptr},
    {"wordcount", do_wordcount},
    {"wordwrap", nullptr},
    {"xmlattr", nullptr},
};

}  // namespace

std::span<const FilterEntry> text_filters() {
  return kFilters;
}

}  // namespace tern::jinja
