// SPDX-License-Identifier: Apache-2.0
// Vocabularies of bytes, most frequent first: tiktoken's "base64 rank" lines and Mistral's
// tekken.json. As Transformers does, they become a byte-level BPE model with the merges that follow
// from the ranks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../subwords/text_model.h"

namespace tern::text {

struct ByteTokens {
  std::vector<std::string> tokens;         // bytes; the place is the rank
  std::vector<std::string> specials = {};  // texts with the first ids (tekken)
  std::string pattern;                     // the regular expression that splits a text
};

ByteTokens read_tiktoken(std::string_view text, std::string_view what);
ByteTokens read_tekken(std::string_view text, std::string_view what);

std::unique_ptr<TextModel> make_model(const ByteTokens& tokens, std::string_view what);

}  // namespace tern::text
