// SPDX-License-Identifier: Apache-2.0
// The JSON lines of `tern tokenize`: one request in, one answer out, for comparison with any other
// implementation. The verb itself only reads lines and prints what this returns.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer.h"

namespace tern::text {

/// {"text", "pair"?, "add_special_tokens"?} gives ids, offsets and tokens (and with `decode` the
/// text back); {"batch", "truncation"?, "padding"?, "add_special_tokens"?} gives "encodings". What
/// cannot be answered gives {"error": "…"}. No line feed at the end.
TERN_API std::string answer_jsonl(const Tokenizer& tokenizer, std::string_view request_line,
                                  bool decode);

}  // namespace tern::text
