// SPDX-License-Identifier: Apache-2.0
// WordPiece and WordLevel; see text_model.h.
#include "text_model.h"

#include <algorithm>
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
  unk_ = vocabulary.find(unk_token_);
  const auto& entries = vocabulary.entries();
  const auto continues = [&](const Vocabulary::Entry& e) {
    const std::string_view text = vocabulary.text(e);
    return text.size() > continuing_prefix.size() && text.starts_with(continuing_prefix);
  };
  first_.reserve(entries.size());
  next_.reserve(static_cast<size_t>(std::count_if(entries.begin(), entries.end(), continues)));
  size_t bytes = 0;
  for (const Vocabulary::Entry& e : entries) {
    const std::string_view text = vocabulary.text(e);
    bytes += text.size();
    by_trie_ = by_trie_ || !PieceTable::fits(text);
    if (by_trie_ || text.empty()) continue;
    first_.add(text, e.id);
    if (continues(e)) next_.add(text.substr(continuing_prefix.size()), e.id);
  }
  first_.finish();
  next_.finish();
  if (!by_trie_) return;
  trie_.reserve(bytes);
  for (const Vocabulary::Entry& e : entries) trie_.insert(vocabulary.text(e), e.id);
  continuing_ = trie_.walk(0, continuing_prefix);
}

void WordPiece::fail_unknown() const {
  fail_missing_unknown("WordPiece", unk_token_);
}

PieceTable::Hit WordPiece::longest_by_trie(std::string_view text, uint32_t node) const {
  PieceTable::Hit best{-1, 0};
  for (size_t i = 0; i < text.size() && node != ByteTrie::kNone; ++i) {
    node = trie_.child(node, text[i]);
    if (node != ByteTrie::kNone && trie_.value(node) >= 0) best = {trie_.value(node), i + 1};
  }
  return best;
}

bool WordPiece::match(std::string_view word, std::vector<ModelToken>& out) const {
  for (size_t begin = 0; begin < word.size();) {
    const std::string_view rest = word.substr(begin);
    const PieceTable::Hit hit = by_trie_ ? longest_by_trie(rest, begin == 0 ? 0 : continuing_)
                                         : (begin == 0 ? first_ : next_).longest(rest);
    if (hit.id < 0) return false;
    const size_t end = begin + hit.size;
    out.push_back({hit.id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
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
