// SPDX-License-Identifier: Apache-2.0
// clean_up: takes back the blanks that word tokenizers put before English punctuation and
// contractions; replace_all, of which it is made.
#pragma once

#include <string>
#include <string_view>

namespace tern::text {

/// Every occurrence of `from`, leftmost first, becomes `to`; an empty `from` occurs before every
/// character and at the end.
void replace_all(std::string& text, std::string_view from, std::string_view to);

/// `do_not`: also " do not" to " don't", as WordPiece's decoder does and Transformers' decode does
/// not.
void clean_up(std::string& text, bool do_not);

}  // namespace tern::text
