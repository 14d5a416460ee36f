// SPDX-License-Identifier: Apache-2.0
// WordPiece, BERT's model of words (Schuster 2012; tokenizers' models/wordpiece).
#pragma once

#include "piece_table.h"
#include "text_model.h"

namespace tern::text {

/// Greedy longest match first. A word that cannot be covered, or is too long, is one unknown token.
class WordPiece final : public TextModel {
 public:
  WordPiece(Vocabulary words, std::string unk_token, std::string continuing_prefix,
            int64_t max_input_chars);
  void tokenize(std::string_view piece, ModelTokens& out) const override;

  int64_t max_input_chars() const noexcept { return max_chars_; }
  int32_t unknown() const noexcept { return unk_; }
  /// Throws as the reference does when the unknown token is needed and missing.
  [[noreturn]] void fail_unknown() const;
  /// Whole words.
  const PieceTable& words() const noexcept { return first_; }
  /// tokenize without the length rule: false when a part of the word is not in the vocabulary.
  bool match(std::string_view word, ModelTokens& out) const;

 private:
  PieceTable::Hit longest_by_trie(std::string_view text, uint32_t node) const;

  PieceTable first_, next_;                // pieces at the beginning of a word, and behind
  bool by_trie_ = false;                   // pieces do not fit in the tables
  ByteTrie trie_;                          // filled only then
  uint32_t continuing_ = ByteTrie::kNone;  // its node of the continuing prefix
  std::string unk_token_;
  int32_t unk_;
  int64_t max_chars_;
};

}  // namespace tern::text
