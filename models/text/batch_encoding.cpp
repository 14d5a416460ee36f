// SPDX-License-Identifier: Apache-2.0
// Look-ups between tokens, words and characters; see batch_encoding.h.
#include "batch_encoding.h"

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

int64_t length(const Encoding& e) {
  return static_cast<int64_t>(e.ids.size());
}

}  // namespace

const Encoding& BatchEncoding::at(int64_t row) const {
  const auto rows = static_cast<int64_t>(encodings.size());
  if (row < 0 || row >= rows) {
    fail(ErrorCode::invalid_argument, cat("row ", row, " of a BatchEncoding that has ", rows));
  }
  return encodings[static_cast<size_t>(row)];
}

const Encoding& BatchEncoding::at(int64_t row, int64_t token) const {
  const Encoding& e = at(row);
  if (token < 0 || token >= length(e)) {
    fail(ErrorCode::invalid_argument,
         cat("token ", token, " of row ", row, ", which has ", length(e)));
  }
  return e;
}

bool BatchEncoding::is_of(const Encoding& e, int64_t token, int sequence) const {
  return sequence >= sequences || e.sequence_ids[static_cast<size_t>(token)] == sequence;
}

const std::vector<std::string>& BatchEncoding::tokens(int64_t row) const {
  const Encoding& e = at(row);
  if (e.tokens.size() != e.ids.size()) {
    fail(ErrorCode::not_found,
         "the tokens' strings were not kept: call the tokenizer with return_tokens");
  }
  return e.tokens;
}

const std::vector<int32_t>& BatchEncoding::word_ids(int64_t row) const {
  return at(row).word_ids;
}

const std::vector<int32_t>& BatchEncoding::sequence_ids(int64_t row) const {
  return at(row).sequence_ids;
}

std::optional<int64_t> BatchEncoding::token_to_sequence(int64_t row, int64_t token) const {
  const int32_t sequence = at(row, token).sequence_ids[static_cast<size_t>(token)];
  return sequence < 0 ? std::nullopt : std::optional<int64_t>(sequence);
}

std::optional<int64_t> BatchEncoding::token_to_word(int64_t row, int64_t token) const {
  const int32_t word = at(row, token).word_ids[static_cast<size_t>(token)];
  return word < 0 ? std::nullopt : std::optional<int64_t>(word);
}

std::optional<TextSpan> BatchEncoding::token_to_chars(int64_t row, int64_t token) const {
  const Encoding& e = at(row, token);
  if (!token_to_sequence(row, token)) return std::nullopt;
  const auto [start, end] = e.offsets[static_cast<size_t>(token)];
  return TextSpan{start, end};
}

std::optional<int64_t> BatchEncoding::char_to_token(int64_t row, int64_t character,
                                                    int sequence) const {
  const Encoding& e = at(row);
  for (int64_t i = 0; i < length(e); ++i) {
    const auto [start, end] = e.offsets[static_cast<size_t>(i)];
    if (is_of(e, i, sequence) && start <= character && character < end) return i;
  }
  return std::nullopt;
}

std::optional<int64_t> BatchEncoding::char_to_word(int64_t row, int64_t character,
                                                   int sequence) const {
  const auto token = char_to_token(row, character, sequence);
  return token ? token_to_word(row, *token) : std::nullopt;
}

std::optional<TextSpan> BatchEncoding::word_to_tokens(int64_t row, int64_t word,
                                                      int sequence) const {
  const Encoding& e = at(row);
  std::optional<TextSpan> out;
  for (int64_t i = 0; i < length(e) && word >= 0; ++i) {
    if (!is_of(e, i, sequence) || e.word_ids[static_cast<size_t>(i)] != word) continue;
    if (!out) out = TextSpan{i, i};
    out->end = i + 1;
  }
  return out;
}

std::optional<TextSpan> BatchEncoding::word_to_chars(int64_t row, int64_t word,
                                                     int sequence) const {
  const auto span = word_to_tokens(row, word, sequence);
  if (!span) return std::nullopt;
  const auto& offsets = at(row).offsets;
  return TextSpan{offsets[static_cast<size_t>(span->start)].first,
                  offsets[static_cast<size_t>(span->end - 1)].second};
}

}  // namespace tern
