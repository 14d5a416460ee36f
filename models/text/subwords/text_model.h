// SPDX-License-Identifier: Apache-2.0
// TextModel: the third stage of a tokenizer, from one pre-tokenized piece to vocabulary ids.
#pragma once

#include <memory>
#include <vector>

#include "../../../engine/base/huge_pages.h"
#include "../../../hub/formats/json.h"
#include "vocabulary.h"

namespace tern::text {

/// Bytes [begin, end) of the piece became `id`.
struct ModelToken {
  int32_t id;
  uint32_t begin, end;
};

/// Of a long piece there are many: large pages.
using ModelTokens = std::vector<ModelToken, HugePages<ModelToken>>;

class TextModel {
 public:
  virtual ~TextModel() = default;
  /// Appends the tokens of `piece`, which is not empty. invalid_argument when the reference refuses
  /// it.
  virtual void tokenize(std::string_view piece, ModelTokens& out) const = 0;

  /// A token of `piece` as the reference shows it.
  virtual std::string_view shown(const ModelToken& token, std::string_view) const {
    return vocabulary.token(token.id).value_or("");
  }

  Vocabulary vocabulary;
};

/// Refuses a text as the reference does when the unknown token is needed but not in the vocabulary.
[[noreturn]] void fail_missing_unknown(std::string_view model, std::string_view token);

/// The "model" member of tokenizer.json. unsupported names the type.
std::unique_ptr<TextModel> parse_text_model(const hub::Json& json);

}  // namespace tern::text
