// SPDX-License-Identifier: Apache-2.0
// clean_up: takes back the blanks that word tokenizers put before English punctuation and
// contractions.
#pragma once

#include <string>

namespace tern::text {

/// `do_not`: also " do not" to " don't", as WordPiece's decoder does and Transformers' decode does
/// not.
void clean_up(std::string& text, bool do_not);

}  // namespace tern::text
