// SPDX-License-Identifier: Apache-2.0
// See literals.h.
#include "literals.h"

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "lexer.h"
#include "python_text.h"

namespace tern::jinja {

namespace {

/// \xhh, \uhhhh, \Uhhhhhhhh: `i` is at the first digit.
char32_t hex_escape(std::string_view body, size_t& i, int digits, int line) {
  char32_t c = 0;
  for (int k = 0; k < digits; ++k, ++i) {
    const int d = i < body.size() ? text::hex_digit(body[i]) : -1;
    if (d < 0) fail_syntax(line, "truncated escape in a string");
    c = c << 4 | static_cast<char32_t>(d);
  }
  if (c > 0x10FFFF) fail_syntax(line, "illegal Unicode character in a string");
  return c >= 0xD800 && c < 0xE000 ? 0xFFFD : c;
}

char simple_escape(char c) noexcept {
  constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
  const size_t i = kFrom.find(c);
  return i == kFrom.npos ? '\0' : kTo[i];
}

/// Behind a backslash at `i`; moves `i` past the escape.
void escape(std::string_view body, size_t& i, int line, std::string& out) {
  const char c = body[i];
  if (const char simple = simple_escape(c)) {
    ++i;
    out += simple;
  } else if (c == '\n') {
    ++i;
  } else if (c >= '0' && c <= '7') {
    char32_t value = 0;
    for (int k = 0; k < 3 && i < body.size() && body[i] >= '0' && body[i] <= '7'; ++k) {
      value = value * 8 + static_cast<char32_t>(body[i++] - '0');
    }
    text::append_char(out, value);
  } else if (c == 'x' || c == 'u' || c == 'U') {
    text::append_char(out, hex_escape(body, ++i, c == 'x' ? 2 : c == 'u' ? 4 : 8, line));
  } else if (c == 'N') {
    fail_syntax(line, "\\N{…} in a string is not supported");
  } else if (static_cast<signed char>(c) < 0) {
    // jinja2 spells the character as an escape of its own first, whose backslash this one escapes.
    append_escape(out, text::next_char(body, i));
  } else {
    out += '\\';
    out += c;
    ++i;
  }
}

}  // namespace

std::string unescape(std::string_view body, int line) {
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size();) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i++];
    } else {
      escape(body, ++i, line, out);
    }
  }
  return out;
}

}  // namespace tern::jinja
