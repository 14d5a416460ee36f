// SPDX-License-Identifier: Apache-2.0
// Stripping, splitting, replacing and literals; see python_text.h. Case: python_case.cpp.
#include "python_text.h"

#include <string.h>  // memmem

#include <algorithm>

#include "../unicode/unicode.h"
#include "../unicode/utf8.h"

namespace tern::jinja {

using text::next_char;
using text::previous_char;
using text::utf8_length;

bool is_space(char32_t c) noexcept {
  return text::is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

namespace {

/// What str.splitlines takes for the end of a line, beside \n and \r\n.
bool is_line_end(char32_t c) noexcept {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool contains(std::string_view set, char32_t c) noexcept {
  for (size_t i = 0; i < set.size();) {
    if (next_char(set, i) == c) return true;
  }
  return false;
}

std::vector<std::string_view> split_spaces(std::string_view text, int64_t limit) {
  std::vector<std::string_view> out;
  text = strip(text, Ends::left);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<int64_t>(out.size()) == limit) {
      out.push_back(text);
      break;
    }
    size_t end = 0;
    for (size_t i = 0; i < text.size(); end = i) {
      if (is_space(next_char(text, i))) break;
    }
    out.push_back(text.substr(0, end));
    text = strip(text.substr(end), Ends::left);
  }
  return out;
}

std::vector<std::string_view> split_spaces_right(std::string_view text, int64_t limit) {
  std::vector<std::string_view> out;
  text = strip(text, Ends::right);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<int64_t>(out.size()) == limit) {
      out.push_back(text);
      break;
    }
    size_t begin = text.size();
    for (size_t i = text.size(); i > 0; begin = i) {
      if (is_space(previous_char(text, i))) break;
    }
    out.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Ends::right);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::string_view strip(std::string_view text, Ends ends, std::optional<std::string_view> chars) {
  const auto drops = [&](char32_t c) { return chars ? contains(*chars, c) : is_space(c); };
  size_t begin = 0, end = text.size();
  if (ends != Ends::right) {
    for (size_t i = 0; i < end; begin = i) {
      if (!drops(next_char(text, i))) break;
    }
  }
  if (ends != Ends::left) {
    for (size_t i = end; i > begin; end = i) {
      if (!drops(previous_char(text, i))) break;
    }
  }
  return text.substr(begin, end - begin);
}

std::vector<std::string_view> split(std::string_view text,
                                    std::optional<std::string_view> separator, int64_t limit,
                                    bool from_right) {
  if (!separator) return from_right ? split_spaces_right(text, limit) : split_spaces(text, limit);
  std::vector<std::string_view> out;
  while (limit < 0 || static_cast<int64_t>(out.size()) < limit) {
    const size_t at = from_right ? text.rfind(*separator) : find_text(text, *separator, 0);
    if (at == std::string_view::npos) break;
    const size_t after = at + separator->size();
    out.push_back(from_right ? text.substr(after) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(after);
  }
  out.push_back(text);
  if (from_right) std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends, int64_t limit) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t i = 0; i < text.size() && static_cast<int64_t>(out.size()) < limit;) {
    const size_t at = i;
    const char32_t c = next_char(text, i);
    if (!is_line_end(c)) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    out.push_back(text.substr(begin, (keep_ends ? i : at) - begin));
    begin = i;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  const size_t size = text.size() * times;
  if (size == 0) return out;
  out.reserve(size);
  out = text;
  while (out.size() < size) out.append(out, 0, size - out.size());  // twice as long each time
  return out;
}

size_t occurrences(std::string_view text, std::string_view from, size_t limit) noexcept {
  if (from.empty()) return std::min(limit, text::count_chars(text) + 1);
  size_t found = 0;
  for (size_t at = 0; found < limit; ++found, at += from.size()) {
    at = find_text(text, from, at);
    if (at == std::string_view::npos) break;
  }
  return found;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    size_t times) {
  std::string out;
  out.reserve(text.size() + times * to.size() - times * from.size());
  size_t at = 0;
  for (; times > 0; --times) {
    if (from.empty()) {
      out += to;
      const size_t length = at < text.size() ? utf8_length(text[at]) : 0;
      out += text.substr(at, length);
      at += length;
      continue;
    }
    const size_t found = find_text(text, from, at);
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
  }
  return out += text.substr(at);
}

size_t find_text(std::string_view text, std::string_view what, size_t from) noexcept {
  if (from > text.size()) return std::string_view::npos;
  const void* const at = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
  if (!at) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

size_t byte_of(std::string_view text, size_t chars) noexcept {
  size_t i = 0;
  while (chars > 0 && i < text.size()) {
    i += utf8_length(text[i]);
    --chars;
  }
  return i;
}

void append_escape(std::string& out, char32_t c) {
  const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  out += '\\';
  out += digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[c >> shift & 15];
  }
}

std::string repr(std::string_view text) {
  const bool single = text.find('\'') == std::string_view::npos;
  const char quote = single || text.find('"') != std::string_view::npos ? '\'' : '"';
  std::string out(1, quote);
  const auto plain = [&](char c) { return c >= ' ' && c < 0x7F && c != '\\' && c != quote; };
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    while (i < text.size() && plain(text[i])) ++i;
    if (i > at) {
      out += text.substr(at, i - at);
      continue;
    }
    const char32_t c = next_char(text, i);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (c != ' ' && !(char_flags(c) & kPrintable)) {
      append_escape(out, c);
    } else {
      out += text.substr(at, i - at);
    }
  }
  return out += quote;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace tern::jinja
