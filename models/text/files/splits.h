// SPDX-License-Identifier: Apache-2.0
// Files that list tokens without merges (SentencePiece, tiktoken, tekken): every way to cut a token
// into two others is a merge. Also the plain text files vocab.txt, vocab.json and merges.txt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../subwords/bpe_merges.h"

namespace tern::text {

/// Indices of tokens: `whole` is `left` and `right`.
struct Split {
  uint32_t whole, left, right;
};

/// All of them, in the order of the tokens, then of the length of the left one. Empty tokens have
/// no part in it; of equal tokens the last one stands for all. Linear in the bytes.
std::vector<Split> all_splits(const std::vector<std::string_view>& tokens);

using Merges = decltype(BpeConfig::merges);

/// A token per line, without white space at its end; the line is the id.
Vocabulary read_word_lines(std::string_view text, std::string_view what);
/// {"token": id}; what is no number is skipped, as the reference does.
Vocabulary read_token_ids(std::string_view text, std::string_view what);
/// "left right" per line, lines "#version…" apart. The views are into `text`.
Merges read_merge_lines(std::string_view text, std::string_view what);

}  // namespace tern::text
