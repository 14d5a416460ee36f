// SPDX-License-Identifier: Apache-2.0
// TextModel: the third stage of a tokenizer, from one pre-tokenized piece to vocabulary ids.
#pragma once

#include <memory>
#include <vector>

#include "../../hub/formats/json.h"
#include "piece_table.h"
#include "vocabulary.h"

namespace tern::text {

/// Bytes [begin, end) of the piece became `id`.
struct ModelToken {
  int32_t id;
  uint32_t begin, end;
};

class TextModel {
 public:
  virtual ~TextModel() = default;
  /// Appends the tokens of `piece`, which is not empty. invalid_argument when the reference refuses
  /// it.
  virtual void tokenize(std::string_view piece, std::vector<ModelToken>& out) const = 0;

  Vocabulary vocabulary;
};

/// Greedy longest match first. A word that cannot be covered, or is too long, is one unknown token.
class WordPiece final : public TextModel {
 public:
  WordPiece(Vocabulary words, std::string unk_token, std::string continuing_prefix,
            int64_t max_input_chars);
  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override;

  int64_t max_input_chars() const noexcept { return max_chars_; }
  int32_t unknown() const noexcept { return unk_; }
  /// Throws as the reference does when the unknown token is needed and missing.
  [[noreturn]] void fail_unknown() const;
  /// Whole words.
  const PieceTable& words() const noexcept { return first_; }
  /// tokenize without the length rule: false when a part of the word is not in the vocabulary.
  bool match(std::string_view word, std::vector<ModelToken>& out) const;

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

/// A piece is a token or unknown.
class WordLevel final : public TextModel {
 public:
  WordLevel(Vocabulary words, std::string unk_token);
  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override;

 private:
  std::string unk_token_;
  int32_t unk_;
};

/// The "model" member of tokenizer.json. unsupported names the type.
std::unique_ptr<TextModel> parse_text_model(const hub::Json& json);

}  // namespace tern::text
