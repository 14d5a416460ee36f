// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "model" to a TextModel.
#include <limits>

#include "../fields.h"
#include "bpe.h"
#include "json_score.h"
#include "unigram.h"
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

[[noreturn]] void fail_merge(size_t index, std::string_view expected) {
  fail(ErrorCode::corrupt, cat("tokenizer.json: merge ", index, " must be ", expected));
}

using Merge = BpeConfig::Merge;

/// "left right", with one blank.
Merge split_merge(std::string_view text, size_t index) {
  const size_t blank = text.find(' ');
  if (blank == text.npos || text.find(' ', blank + 1) != text.npos) {
    fail_merge(index, cat("two tokens and one blank between, found '", text, "'"));
  }
  return {text.substr(0, blank), text.substr(blank + 1)};
}

/// All strings "left right", or all pairs [left, right].
auto parse_merges(const hub::Json& json) {
  decltype(BpeConfig::merges) out;
  const auto elements = read_array(json, "merges");
  out.reserve(elements.size());
  const bool strings = !elements.empty() && elements[0].is_string();
  for (size_t i = 0; i < elements.size(); ++i) {
    const hub::Json& e = elements[i];
    if (strings) {
      const auto text = e.string();
      if (!text) fail_merge(i, "a string like the first one");
      // A line of merges.txt that came along.
      if (!text->starts_with("#version")) out.push_back(split_merge(*text, i));
      continue;
    }
    const auto& pair = e.elements();
    if (pair.size() != 2 || !pair[0].string() || !pair[1].string()) {
      fail_merge(i, "a pair of strings like the first one");
    }
    out.emplace_back(*pair[0].string(), *pair[1].string());
  }
  return out;
}

std::unique_ptr<TextModel> parse_bpe(const hub::Json& json) {
  // It matters in training only; the reference checks it all the same.
  const auto dropout = json["dropout"].number();
  if (!json["dropout"].is_null() && !(dropout && *dropout >= 0 && *dropout <= 1)) {
    fail(ErrorCode::corrupt, "tokenizer.json: 'dropout' of BPE must be a number from 0 to 1");
  }
  BpeConfig config{parse_vocabulary(json)};
  config.merges = parse_merges(json);
  if (!json["unk_token"].is_null()) config.unk_token = read_string(json, "unk_token", "");
  config.fuse_unk = read_bool(json, "fuse_unk", false);
  config.byte_fallback = read_bool(json, "byte_fallback", false);
  config.ignore_merges = read_bool(json, "ignore_merges", false);
  config.continuing_subword_prefix = read_string(json, "continuing_subword_prefix", "");
  config.end_of_word_suffix = read_string(json, "end_of_word_suffix", "");
  return std::make_unique<Bpe>(std::move(config));
}

std::unique_ptr<TextModel> parse_unigram(const hub::Json& json) {
  UnigramConfig config;
  const auto& pieces = read_array(json, "vocab");
  config.pieces.reserve(pieces.size());
  for (const hub::Json& piece : pieces) {
    const auto& pair = piece.elements();
    const auto score = pair.size() == 2 ? json_score(pair[1].number_text()) : std::nullopt;
    if (!score || !pair[0].is_string()) {
      fail(ErrorCode::corrupt, cat("tokenizer.json: piece ", config.pieces.size(),
                                   " of Unigram must be a text and a finite score"));
    }
    config.pieces.emplace_back(*pair[0].string(), *score);
  }
  if (!json["unk_id"].is_null()) {
    config.unk_id =
        read_integer(json, "unk_id", std::nullopt, 0, std::numeric_limits<int64_t>::max());
  }
  config.byte_fallback = read_bool(json, "byte_fallback", false);
  return std::make_unique<Unigram>(config);
}

/// Files of the first versions have no "type": the first of these whose members are all there.
std::string type_by_members(const hub::Json& json) {
  const bool words = json["vocab"].is_object(), unknown = json["unk_token"].is_string();
  if (words && json.contains("merges")) return "BPE";
  if (words && unknown && json.contains("continuing_subword_prefix") &&
      json.contains("max_input_chars_per_word")) {
    return "WordPiece";
  }
  if (words && unknown) return "WordLevel";
  if (json["vocab"].is_array()) return "Unigram";
  fail(ErrorCode::corrupt, "tokenizer.json: 'model' has no type, nor the members of one");
}

}  // namespace

std::unique_ptr<TextModel> parse_text_model(const hub::Json& json) {
  if (!json.is_object()) fail(ErrorCode::corrupt, "tokenizer.json: 'model' must be an object");
  std::string type = read_string(json, "type", "");
  if (type.empty()) type = type_by_members(json);
  if (type == "BPE") return parse_bpe(json);
  if (type == "Unigram") return parse_unigram(json);
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
