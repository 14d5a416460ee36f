// SPDX-License-Identifier: Apache-2.0
// WordLevel; see word_level.h.
#include "word_level.h"

namespace tern::text {

WordLevel::WordLevel(Vocabulary words, std::string unk_token) : unk_token_(std::move(unk_token)) {
  vocabulary = std::move(words);
  unk_ = vocabulary.find(unk_token_);
}

void WordLevel::tokenize(std::string_view piece, ModelTokens& out) const {
  int32_t id = vocabulary.find(piece);
  if (id < 0) id = unk_;
  if (id < 0) fail_missing_unknown("WordLevel", unk_token_);
  out.push_back({id, 0, static_cast<uint32_t>(piece.size())});
}

}  // namespace tern::text
