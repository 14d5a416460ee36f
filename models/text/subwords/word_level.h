// SPDX-License-Identifier: Apache-2.0
// WordLevel: every piece is a word of the vocabulary.
#pragma once

#include "text_model.h"

namespace tern::text {

/// A piece is a token or unknown.
class WordLevel final : public TextModel {
 public:
  WordLevel(Vocabulary words, std::string unk_token);
  void tokenize(std::string_view piece, ModelTokens& out) const override;

 private:
  std::string unk_token_;
  int32_t unk_;
};

}  // namespace tern::text
