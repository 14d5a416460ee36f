// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizers; see pre_tokenizers.h.
#include "pre_tokenizers.h"

#include <algorithm>

#include "stretch.h"

namespace tern::text {

namespace {

/// Every delimiting character by itself, and the runs between them.
template <class Delimits>
void find_matches(std::string_view text, Piece piece, const Delimits& delimits,
                  std::vector<Stretch>& out) {
  out.clear();
  size_t run = piece.begin;
  for (size_t i = piece.begin; i < piece.end;) {
    const size_t begin = i;
    if (!delimits(next_char(text, i))) continue;
    if (run < begin) out.push_back({run, begin, false});
    out.push_back({begin, i, true});
    run = i;
  }
  if (run < piece.end) out.push_back({run, piece.end, false});
}

template <class Delimits>
void split_where(std::string_view text, std::vector<Piece>& pieces, SplitBehavior behavior,
                 const Delimits& delimits) {
  std::vector<Piece> out;
  std::vector<Stretch> matches;
  out.reserve(pieces.size() * 2);
  for (const Piece& piece : pieces) {
    find_matches(text, piece, delimits, matches);
    cut(matches, behavior, out);
  }
  pieces.swap(out);
}

bool is_punctuation(char32_t c) {
  return (char_class(c) & kPunctuation8) != 0;
}

}  // namespace

void BertPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  split_where(text.text, pieces, SplitBehavior::removed, is_white_space);
  split_where(text.text, pieces, SplitBehavior::isolated, is_punctuation);
}

void WhitespacePreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  enum Kind { kSpace, kWordChar, kOther };
  const auto kind_of = [](char32_t c) {
    if (char_class(c) & kWord16) return kWordChar;
    return is_white_space(c) ? kSpace : kOther;
  };
  std::vector<Piece> out;
  for (const Piece& piece : pieces) {
    Kind run = kSpace;
    for (size_t i = piece.begin; i < piece.end;) {
      const size_t begin = i;
      const Kind kind = kind_of(next_char(text.text, i));
      if (kind == kSpace || kind != run)
        run = kind;
      else {
        out.back().end = i;
        continue;
      }
      if (kind != kSpace) out.push_back({begin, i});
    }
  }
  pieces.swap(out);
}

void ClassPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  switch (kind) {
    case Kind::white_space:
      return split_where(text.text, pieces, behavior, is_white_space);
    case Kind::punctuation:
      return split_where(text.text, pieces, behavior, is_punctuation);
    case Kind::numeric:
      return split_where(text.text, pieces, behavior,
                         [](char32_t c) { return (char_class(c) & kNumeric17) != 0; });
    case Kind::one_char:
      return split_where(text.text, pieces, behavior,
                         [this](char32_t c) { return c == delimiter; });
  }
}

bool PreTokenizerSequence::rewrites() const {
  return std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s->rewrites(); });
}

bool PreTokenizerSequence::needs_origins() const {
  return std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s->needs_origins(); });
}

void PreTokenizerSequence::split(Normalized& text, std::vector<Piece>& pieces) const {
  for (const auto& step : steps) step->split(text, pieces);
}

}  // namespace tern::text
