// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "model" to a TextModel.
#include <limits>

#include "../fields.h"
#include "word_level.h"
#include "wordpiece.h"

namespace tern::text {

void fail_missing_unknown(std::string_view model, std::string_view token) {
  fail(ErrorCode::invalid_argument,
       cat(model, " error: Missing ", token, " token from the vocabulary"));
}

namespace {

Vocabulary parse_vocabulary(const hub::Json& json) {
  const hub::Json& words = json["vocab"];
  if (!words.is_object()) {
    fail(ErrorCode::corrupt, "tokenizer.json: 'vocab' of the model must be an object");
  }
  Vocabulary out;
  size_t bytes = 0;
  for (const auto& [token, id] : words.members()) bytes += token.size();
  out.reserve(words.members().size(), bytes);
  for (const auto& [token, id] : words.members()) {
    const auto value = id.integer();
    if (!value) {
      fail(ErrorCode::corrupt, cat("tokenizer.json: the id of '", token, "' must be an integer"));
    }
    out.add(token, *value);
  }
  out.finish();
  return out;
}

}  // namespace

std::unique_ptr<TextModel> parse_text_model(const hub::Json& json) {
  if (!json.is_object()) fail(ErrorCode::corrupt, "tokenizer.json: 'model' must be an object");
  // Files of the first versions have no "type": what a model has tells it.
  std::string type = read_string(json, "type", "");
  if (type.empty()) {
    const bool pieces = json.contains("continuing_subword_prefix") && !json.contains("merges");
    type = pieces ? "WordPiece" : json.contains("merges") ? "BPE" : "WordLevel";
  }
  if (type == "WordPiece") {
    return std::make_unique<WordPiece>(parse_vocabulary(json),
                                       read_string(json, "unk_token", "[UNK]"),
                                       read_string(json, "continuing_subword_prefix", "##"),
                                       read_integer(json, "max_input_chars_per_word", 100, 0,
                                                    std::numeric_limits<int64_t>::max()));
  }
  if (type != "WordLevel") fail_unsupported("model", type);
  return std::make_unique<WordLevel>(parse_vocabulary(json),
                                     read_string(json, "unk_token", "<unk>"));
}

}  // namespace tern::text
