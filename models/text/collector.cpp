// SPDX-License-Identifier: Apache-2.0
// Added tokens, the fused passes and the stages; see collector.h.
#include "collector.h"

namespace tern::text {

namespace {

int32_t chars(std::string_view text) {
  return static_cast<int32_t>(count_chars(text));
}

}  // namespace

/// Emits the added tokens in a text, whose first character is number `character`; between them,
/// calls between(text, number of its first character).
template <class Between>
void Collector::cut(std::string_view text, bool normalized, int32_t character,
                    const Between& between) {
  std::vector<Segment> segments;
  p_.added.split(text, normalized, plain_specials_, segments);
  size_t done = 0;
  for (const Segment& s : segments) {
    if (ids_.size() >= limit_) return;
    const std::string_view part = text.substr(s.begin, s.end - s.begin);
    // rstrip may have taken blanks with which the next token begins.
    if (counts_ && s.begin < done) character -= chars(text.substr(s.begin, done - s.begin));
    const int32_t begin = character;
    if (counts_) character += chars(part);
    if (s.added)
      emit(s.added->id, part, {begin, character}, word_++);
    else
      between(part, begin);
    done = s.end;
  }
}

void Collector::run(std::string_view text) {
  if (text.empty()) return;
  if (p_.added.none_in(text, false)) return plain(text, 0, true);
  cut(text, false, 0, [&](std::string_view part, int32_t first_char) {
    plain(part, first_char, part.data() == text.data());
  });
}

/// All stages at once when the components allow it and no character forbids it.
bool Collector::fused(std::string_view part, int32_t first_char) {
  if (!p_.fused) return false;
  const size_t before = ids_.size();
  const int32_t word = word_;
  if (p_.fused->scan(part, {ids_, details_, detail_, first_char, word_, limit_})) return true;
  ids_.resize(before);
  word_ = word;
  if (details_) details_->offsets.resize(before), details_->word_ids.resize(before);
  if (detail_ == Detail::tokens) details_->tokens.resize(before);
  return false;
}

void Collector::plain(std::string_view part, int32_t first_char, bool at_start) {
  if (fused(part, first_char)) return;
  if (p_.byte_level && p_.byte_level->is_normal(part)) return bytes(part, first_char);
  if (goes_wordwise(part)) return words(part, first_char, at_start);
  stages(part, first_char, at_start, true);
}

/// The components one by one; a word that is not the first one lacks what the normalizer does
/// there.
void Collector::stages(std::string_view part, int32_t first_char, bool at_start, bool first) {
  normalized_.assign(part, first_char, counts_);
  normalized_.begins_original = at_start;
  if (!first)
    p_.wordwise->normalize(normalized_);
  else if (p_.normalizer)
    p_.normalizer->normalize(normalized_);
  if (normalized_.text.empty()) return;
  if (p_.added.none_in(normalized_.text, true))
    return pieces(normalized_, 0, normalized_.text.size());
  std::vector<Segment> segments;
  p_.added.split(normalized_.text, true, plain_specials_, segments);
  for (const Segment& s : segments) {
    if (s.added)
      emit_normalized(s);
    else
      pieces(normalized_, s.begin, s.end);
  }
}

/// A text that the normalizer leaves as it is, by the byte-level pass.
void Collector::bytes(std::string_view part, int32_t character) {
  const auto scan = [&](std::string_view piece, int32_t first_char) {
    p_.byte_level->scan(piece, {ids_, details_, detail_, first_char, word_, limit_});
  };
  if (p_.added.none_in(part, true)) return scan(part, character);
  cut(part, true, character, scan);
}

void Collector::emit_normalized(const Segment& s) {
  std::pair<int32_t, int32_t> at{0, 0};
  if (details_ && s.begin < s.end) at = normalized_.origin_of(s.begin, s.end);
  emit(s.added->id, std::string_view(normalized_.text).substr(s.begin, s.end - s.begin), at,
       word_++);
}

void Collector::pieces(Normalized& whole, size_t begin, size_t end) {
  pieces_.assign(1, {begin, end});
  const bool rewrites = p_.pre_tokenizer && p_.pre_tokenizer->rewrites();
  if (rewrites) rewritten_.assign(whole, begin, end);
  Normalized& from = rewrites ? rewritten_ : whole;
  if (rewrites) pieces_.assign(1, {0, from.text.size()});
  if (p_.pre_tokenizer) p_.pre_tokenizer->split(from, pieces_);
  for (const Piece& piece : pieces_) {
    if (ids_.size() >= limit_) return;
    tokens_.clear();
    const auto text = std::string_view(from.text).substr(piece.begin, piece.end - piece.begin);
    p_.model->tokenize(text, tokens_);
    make_room(ids_, tokens_.size());
    for (const ModelToken& t : tokens_) {
      std::pair<int32_t, int32_t> at{0, 0};
      if (details_) at = from.origin_of(piece.begin + t.begin, piece.begin + t.end);
      const bool show = detail_ == Detail::tokens;
      emit(t.id, show ? p_.model->shown(t, text) : std::string_view(), at, word_);
    }
    ++word_;
  }
}

/// `text` as the reference shows the token; read only with Detail::tokens.
void Collector::emit(int32_t id, std::string_view text, std::pair<int32_t, int32_t> at,
                     int32_t word) {
  ids_.push_back(id);
  if (!details_) return;
  details_->offsets.push_back(at);
  details_->word_ids.push_back(word);
  if (detail_ == Detail::tokens) details_->tokens.emplace_back(text);
}

}  // namespace tern::text
