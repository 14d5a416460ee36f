// SPDX-License-Identifier: Apache-2.0
// WordPiece; see wordpiece.h.
#include "wordpiece.h"

#include <algorithm>

#include "../unicode/utf8.h"

namespace tern::text {

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

bool WordPiece::match(std::string_view word, ModelTokens& out) const {
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

void WordPiece::tokenize(std::string_view piece, ModelTokens& out) const {
  const size_t before = out.size();
  const bool short_enough = piece.size() <= static_cast<size_t>(max_chars_) ||
                            count_chars(piece) <= static_cast<size_t>(max_chars_);
  if (short_enough && match(piece, out)) return;
  out.resize(before);
  if (unk_ < 0) fail_unknown();
  out.push_back({unk_, 0, static_cast<uint32_t>(piece.size())});
}

}  // namespace tern::text
