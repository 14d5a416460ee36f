// SPDX-License-Identifier: Apache-2.0
// What (?i) adds, by full case folding of Unicode 16: 's' stands for s, S and U+017F; "ss" in a row
// also for U+00DF and U+1E9E, and the other way round.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "char_set.h"

namespace tern::text {

/// The full case folding of a character, itself included.
std::u32string fold(char32_t c);
/// All single characters with the same full folding as `c`, `c` included.
CharSet case_variants(char32_t c);
/// How many characters at the front of `text` are, folded, the several characters that single ones
/// fold to (3, 2 or 0: none); these single ones are added to `singles`.
size_t find_folded(std::u32string_view text, CharSet& singles);
/// `set` with the case variants of its members. What members fold to, when several characters, is
/// appended to `several`.
CharSet close_over_case(const CharSet& set, std::vector<std::u32string>& several);

}  // namespace tern::text
