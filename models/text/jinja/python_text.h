// SPDX-License-Identifier: Apache-2.0
// What Python's str does, on valid UTF-8: properties, case, strip, split, slices by code point.
// Tables: char_*.inc, made by tools/python_text_tables.py. Every function is linear in its text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::jinja {

enum CharFlag : uint32_t {
  kAlpha = 1,
  kDecimal = 2,
  kDigit = 4,
  kNumeric = 8,
  kLower = 16,
  kUpper = 32,
  kTitle = 64,
  kPrintable = 128,
  kCaseIgnorable = 256,
};

uint32_t char_flags(char32_t c) noexcept;
/// str.isspace of one character: white space and the information separators.
bool is_space(char32_t c) noexcept;

std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string capitalize(std::string_view text);
/// str.title (jinja2's filter of that name is another thing).
std::string title(std::string_view text);
std::string swapcase(std::string_view text);

enum class Ends { both, left, right };
/// `chars`: the set to strip; nullopt: white space.
std::string_view strip(std::string_view text, Ends ends,
                       std::optional<std::string_view> chars = {});

/// str.split / rsplit; `limit` < 0: no limit. `separator` is not empty.
std::vector<std::string_view> split(std::string_view text,
                                    std::optional<std::string_view> separator, int64_t limit,
                                    bool from_right);
/// `limit`: of lines that are split off; the rest is one.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends, int64_t limit);
std::string repeated(std::string_view text, size_t times);
/// How often `replace` would find `from`, up to `limit`; an empty `from` lies before every
/// character and at the end.
size_t occurrences(std::string_view text, std::string_view from, size_t limit) noexcept;
/// The first `times` of them replaced; `times` is not more than there are.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    size_t times);

/// std::string_view::find in linear time whatever the texts.
size_t find_text(std::string_view text, std::string_view what, size_t from) noexcept;

/// Byte position of the code point number `chars` (the end when there are fewer).
size_t byte_of(std::string_view text, size_t chars) noexcept;

/// str.isalpha, …: every character has one of `flags`, and there is one.
bool all_have(std::string_view text, uint32_t flags) noexcept;
bool is_lower(std::string_view text) noexcept;
bool is_upper(std::string_view text) noexcept;
bool is_title(std::string_view text) noexcept;

/// \\xhh, \\uhhhh or \\Uhhhhhhhh behind `out`, the shortest that holds `c`.
void append_escape(std::string& out, char32_t c);
/// The Python literal: quotes chosen, escapes for what cannot be printed.
std::string repr(std::string_view text);
/// &, <, >, ' and " as markupsafe escapes them.
std::string escape_html(std::string_view text);

}  // namespace tern::jinja
