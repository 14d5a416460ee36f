// SPDX-License-Identifier: Apache-2.0
// BatchEncoding: what calling a tokenizer returns. It is the model's input (named int64 tensors
// [rows, length]) and knows where each token came from. Characters are Unicode code points of the
// text, words are the pre-tokenizer's pieces (or the caller's), `sequence` is 0 for the text and 1
// for its pair; a token that comes from neither (special, padding) has none of all that.
#pragma once

#include <optional>

#include "../model.h"
#include "encoding.h"

namespace tern {

/// Half-open.
struct TextSpan {
  int64_t start, end;
  bool operator==(const TextSpan&) const = default;
};

class TERN_API BatchEncoding : public NamedTensors {
 public:
  /// One for each row. A text's overflowing windows are rows behind it.
  std::vector<Encoding> encodings;
  /// 2 when each text has a pair. Asked for a sequence that there is none of, look-ups search all
  /// tokens, as the reference's do.
  int sequences = 1;

  /// Strings of the tokens; filled with return_tokens, else not_found.
  const std::vector<std::string>& tokens(int64_t row = 0) const;
  /// Word and sequence of each token, -1 where there is none.
  const std::vector<int32_t>& word_ids(int64_t row = 0) const;
  const std::vector<int32_t>& sequence_ids(int64_t row = 0) const;

  std::optional<int64_t> token_to_sequence(int64_t row, int64_t token) const;
  std::optional<int64_t> token_to_word(int64_t row, int64_t token) const;
  std::optional<TextSpan> token_to_chars(int64_t row, int64_t token) const;
  /// The first token that covers the character; none for one that no token covers (white space).
  std::optional<int64_t> char_to_token(int64_t row, int64_t character, int sequence = 0) const;
  std::optional<int64_t> char_to_word(int64_t row, int64_t character, int sequence = 0) const;
  std::optional<TextSpan> word_to_tokens(int64_t row, int64_t word, int sequence = 0) const;
  std::optional<TextSpan> word_to_chars(int64_t row, int64_t word, int sequence = 0) const;

 private:
  /// invalid_argument names the row (token) and how many there are.
  const Encoding& at(int64_t row) const;
  const Encoding& at(int64_t row, int64_t token) const;
  bool is_of(const Encoding& e, int64_t token, int sequence) const;
};

}  // namespace tern
