// SPDX-License-Identifier: Apache-2.0
// WordPiece and WordLevel; see text_model.h.
#include "text_model.h"

#include <limits>

#include "fields.h"
#include "utf8.h"

namespace tern::text {

namespace {

[[noreturn]] void fail_missing_unknown(std::string_view model, std::string_view token) {
  fail(ErrorCode::invalid_argument,
       cat(model, " error: Missing ", token, " token from the vocabulary"));
}

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

WordPiece::WordPiece(Vocabulary words, std::string unk_token, std::string continuing_prefix,
                     int64_t max_input_chars)
    : unk_token_(std::move(unk_token)), max_chars_(max_input_chars) {
  vocabulary = std::move(words);
  size_t bytes = 0;
  for (const auto& e : vocabulary.entries()) bytes += e.size;
  trie_.reserve(bytes);
  for (const auto& e : vocabulary.entries()) trie_.insert(vocabulary.text(e), e.id);
  unk_ = vocabulary.find(unk_token_);
  continuing_ = trie_.walk(0, continuing_prefix);
}

void WordPiece::fail_unknown() const {
  fail_missing_unknown("WordPiece", unk_token_);
}

bool WordPiece::match(std::string_view word, std::vector<ModelToken>& out) const {
  for (size_t begin = 0; begin < word.size();) {
    uint32_t node = begin == 0 ? 0 : continuing_;
    if (node == ByteTrie::kNone) return false;
    int32_t best = -1;
    size_t end = begin;
    for (size_t i = begin; i < word.size(); ++i) {
      node = trie_.child(node, word[i]);
      if (node == ByteTrie::kNone) break;
      if (trie_.value(node) < 0) continue;
      best = trie_.value(node);
      end = i + 1;
    }
    if (best < 0) return false;
    out.push_back({best, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    begin = end;
  }
  return true;
}

void WordPiece::tokenize(std::string_view piece, std::vector<ModelToken>& out) const {
  const size_t before = out.size();
  const bool short_enough = piece.size() <= static_cast<size_t>(max_chars_) ||
                            count_chars(piece) <= static_cast<size_t>(max_chars_);
  if (short_enough && match(piece, out)) return;
  out.resize(before);
  if (unk_ < 0) fail_unknown();
  out.push_back({unk_, 0, static_cast<uint32_t>(piece.size())});
}

WordLevel::WordLevel(Vocabulary words, std::string unk_token) : unk_token_(std::move(unk_token)) {
  vocabulary = std::move(words);
  unk_ = vocabulary.find(unk_token_);
}

void WordLevel::tokenize(std::string_view piece, std::vector<ModelToken>& out) const {
  int32_t id = vocabulary.find(piece);
  if (id < 0) id = unk_;
  if (id < 0) fail_missing_unknown("WordLevel", unk_token_);
  out.push_back({id, 0, static_cast<uint32_t>(piece.size())});
}

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
