// SPDX-License-Identifier: Apache-2.0
// TextStream: decodes ids as they come, for answers that are shown while they are made. What it
// gives out is final, never half a character, and all parts together are decode() of all ids, with
// clean_up_tokenization_spaces off whatever the tokenizer's files say: it takes back blanks that
// have been shown. Only where later ids change earlier text, they cannot be: ByteFallback turns a
// whole run of byte tokens into U+FFFD when one of them is wrong, CTC joins repeated tokens.
// An id costs the same however long the stream is, and what is held back is bounded.
#pragma once

#include <string>
#include <vector>

#include "tokenizer.h"

namespace tern {

class TERN_API TextStream {
 public:
  explicit TextStream(Tokenizer tokenizer, bool skip_special_tokens = true)
      : tokenizer_(std::move(tokenizer)), skip_special_tokens_(skip_special_tokens) {}

  /// The text that became certain with this id; often empty while a character has bytes to come.
  std::string push(int64_t id);
  /// What was held back. The stream is as new afterwards.
  std::string finish();

 private:
  std::string text() const;

  Tokenizer tokenizer_;
  bool skip_special_tokens_;
  void forget_middle(size_t size);

  /// The ids of the last certain part, for their effect on what follows, and those since.
  std::vector<int64_t> ids_;
  size_t context_ = 0;  // how many of ids_ are of the last certain part
  size_t given_ = 0;    // bytes of text() that were given out
};

}  // namespace tern
