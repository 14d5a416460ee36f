// SPDX-License-Identifier: Apache-2.0
// Models; see gguf_models.h.
#include "gguf_models.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../jinja/python_text.h"
#include "../subwords/bpe.h"
#include "../subwords/unigram.h"
#include "../subwords/wordpiece.h"
#include "../unicode/byte_alphabet.h"
#include "../unicode/utf8.h"
#include "splits.h"

namespace tern::text {

namespace {

Vocabulary numbered(const std::vector<std::string_view>& tokens) {
  Vocabulary out;
  for (size_t i = 0; i < tokens.size(); ++i) out.add(tokens[i], static_cast<int64_t>(i));
  out.finish();
  return out;
}

Merges merges_of_file(const GgufVocabulary& v) {
  Merges out;
  out.reserve(v.merges->size());
  for (const std::string_view merge : *v.merges) {
    const size_t blank = merge.find(' ');
    if (blank == merge.npos || merge.find(' ', blank + 1) != merge.npos) {
      fail(ErrorCode::corrupt,
           cat(v.what, ": metadata 'tokenizer.ggml.merges' has the entry ", hub::json_quote(merge),
               ", which is not two tokens and a blank"));
    }
    out.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
  }
  return out;
}

/// Every way to cut a token into two others, the best score first. Of equal ones Transformers takes
/// the longer left part, then the longer right part, then the token that the file has first, then
/// the left part that it has first.
Merges merges_by_score(const std::vector<std::string_view>& tokens, const Vocabulary& vocabulary,
                       const std::vector<double>& scores) {
  std::vector<uint32_t> chars(tokens.size());
  std::vector<uint32_t> first(tokens.size(), UINT32_MAX);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<size_t>(vocabulary.find(tokens[i]));  // the last of equal ones
    first[id] = std::min(first[id], static_cast<uint32_t>(i));
    chars[i] = static_cast<uint32_t>(count_chars(tokens[i]));
  }
  std::vector<Split> splits = all_splits(tokens);
  std::sort(splits.begin(), splits.end(), [&](const Split& a, const Split& b) {
    if (scores[a.whole] != scores[b.whole]) return scores[a.whole] > scores[b.whole];
    if (chars[a.left] != chars[b.left]) return chars[a.left] > chars[b.left];
    if (chars[a.right] != chars[b.right]) return chars[a.right] > chars[b.right];
    if (first[a.whole] != first[b.whole]) return first[a.whole] < first[b.whole];
    return a.left < b.left;
  });
  Merges out;
  out.reserve(splits.size());
  for (const Split& s : splits) out.emplace_back(tokens[s.left], tokens[s.right]);
  return out;
}

bool is_white_space(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (!jinja::is_space(next_char(text, i))) return false;
  }
  return !text.empty();
}

}  // namespace

bool in_byte_alphabet(std::string_view text) noexcept {
  for (size_t i = 0; i < text.size();) {
    if (byte_of_character(next_char(text, i)) < 0) return false;
  }
  return true;
}

bool keeps_text(const GgufVocabulary& v, size_t id) {
  const auto type = v.type(id);
  return (type == GgufVocabulary::control || type == GgufVocabulary::user_defined) &&
         !in_byte_alphabet(v.tokens[id]) && !is_white_space(v.tokens[id]);
}

std::unique_ptr<TextModel> make_byte_bpe(const GgufVocabulary& v) {
  BpeConfig config;
  std::string spelled;
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    std::string_view token = v.tokens[i];
    if (!in_byte_alphabet(token) && !keeps_text(v, i)) {
      spelled.clear();
      for (const char c : token) append_char(spelled, character_of_byte(static_cast<uint8_t>(c)));
      token = spelled;
    }
    config.vocabulary.add(token, static_cast<int64_t>(i));
  }
  config.vocabulary.finish();
  if (!v.merges) {
    fail(ErrorCode::unsupported,
         cat(v.what, ": a byte-level vocabulary without metadata 'tokenizer.ggml.merges'"));
  }
  config.merges = merges_of_file(v);
  return std::make_unique<Bpe>(std::move(config));
}

std::unique_ptr<TextModel> make_piece_bpe(const GgufVocabulary& v) {
  BpeConfig config;
  config.vocabulary = numbered(v.tokens);
  if (v.merges) {
    config.merges = merges_of_file(v);
  } else if (v.has_scores()) {
    std::vector<double> scores(v.tokens.size());
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = v.score(i);
    config.merges = merges_by_score(v.tokens, config.vocabulary, scores);
  } else {
    fail(ErrorCode::corrupt, cat(v.what,
                                 ": a vocabulary of SentencePiece needs metadata "
                                 "'tokenizer.ggml.scores' or 'tokenizer.ggml.merges'"));
  }
  config.fuse_unk = config.byte_fallback = true;
  return std::make_unique<Bpe>(std::move(config));
}

std::unique_ptr<TextModel> make_gemma_bpe(const GgufVocabulary& v, bool respell) {
  BpeConfig config;
  std::vector<std::string> runs(v.tokens.size());
  std::vector<std::string_view> tokens = v.tokens;
  for (size_t i = 0; respell && i < tokens.size(); ++i) {
    if (tokens[i].find(' ') == tokens[i].npos || !is_white_space(tokens[i])) continue;
    for (size_t n = count_chars(tokens[i]); n > 0; --n) runs[i] += "▁";
    tokens[i] = runs[i];
  }
  config.vocabulary = numbered(tokens);
  if (v.merges) {
    config.merges = merges_of_file(v);
  } else {
    std::vector<double> scores(tokens.size());
    for (size_t i = 0; i < scores.size(); ++i)
      scores[i] = respell ? -static_cast<double>(i) : v.score(i);
    config.merges = merges_by_score(tokens, config.vocabulary, scores);
  }
  config.unk_token = "<unk>";
  config.fuse_unk = config.byte_fallback = true;
  return std::make_unique<Bpe>(std::move(config));
}

std::unique_ptr<TextModel> make_unigram(const GgufVocabulary& v, int64_t unk) {
  constexpr int kExtra = 100;
  if (!v.has_scores()) {
    fail(ErrorCode::corrupt, cat(v.what, ": Unigram needs metadata 'tokenizer.ggml.scores'"));
  }
  const auto is_filler = [](std::string_view token) {
    if (!token.starts_with("[PAD") || !token.ends_with(']') || token.size() < 6) return false;
    token = token.substr(4, token.size() - 5);
    return std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  UnigramConfig config;
  int left = kExtra;
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    const bool extra = left > 0 && is_filler(v.tokens[i]);
    config.pieces.emplace_back(extra ? cat("<extra_id_", --left, ">") : std::string(v.tokens[i]),
                               v.score(i));
  }
  config.unk_id = unk;
  return std::make_unique<Unigram>(config);
}

std::unique_ptr<TextModel> make_word_piece(const GgufVocabulary& v, const std::string& unk) {
  constexpr std::string_view kWord = "▁";
  Vocabulary words;
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    const std::string_view token = v.tokens[i];
    const bool special =
        v.type(i) != GgufVocabulary::normal || (token.starts_with('[') && token.size() > 2);
    const auto id = static_cast<int64_t>(i);
    if (token.starts_with(kWord))
      words.add(token.substr(kWord.size()), id);
    else if (special)
      words.add(token, id);
    else
      words.add(cat("##", token), id);
  }
  words.finish();
  return std::make_unique<WordPiece>(std::move(words), unk, "##", 100);
}

}  // namespace tern::text
