// SPDX-License-Identifier: Apache-2.0
// Running the components over a text, and decoding; see pipeline.h.
#include "pipeline.h"

#include "collector.h"
#include "fields.h"

namespace tern {

using text::Detail;

namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

/// Appends the tokens of one text; the other members of `e` are not filled.
void collect(const Tokenizer::Pipeline& p, std::string_view text, const text::Mode& mode,
             Encoding& e) {
  std::string scratch;
  const std::string_view valid = text::valid_utf8(text, scratch);
  if (valid.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    fail(ErrorCode::invalid_argument, "tokenizer: a text of more than 2 GB");
  }
  text::Collector(p, e.ids, mode.detail == Detail::ids ? nullptr : &e, mode, kNoLimit).run(valid);
}

}  // namespace

const Tokenizer::Pipeline& Tokenizer::Pipeline::checked(
    const std::shared_ptr<const Pipeline>& pipeline) {
  if (!pipeline) fail(ErrorCode::invalid_argument, "an empty Tokenizer was called");
  return *pipeline;
}

Encoding Tokenizer::Pipeline::tokenize(std::string_view text, const text::Mode& mode) const {
  Encoding e;
  collect(*this, text, mode, e);
  e.type_ids.assign(e.ids.size(), 0);
  e.special_tokens_mask.assign(e.ids.size(), 0);
  e.attention_mask.assign(e.ids.size(), 1);
  return e;
}

Encoding Tokenizer::Pipeline::tokenize_words(std::span<const std::string> words,
                                             const text::Mode& mode) const {
  Encoding e;
  int32_t number = 0;
  for (const std::string& word : words) {
    const size_t before = e.word_ids.size();
    collect(*this, word, mode, e);
    std::fill(e.word_ids.begin() + static_cast<std::ptrdiff_t>(before), e.word_ids.end(), number++);
  }
  e.type_ids.assign(e.ids.size(), 0);
  e.special_tokens_mask.assign(e.ids.size(), 0);
  e.attention_mask.assign(e.ids.size(), 1);
  return e;
}

void Tokenizer::Pipeline::tokenize_ids(std::string_view text, std::vector<int64_t>& ids,
                                       size_t limit, bool split_special_tokens) const {
  std::string scratch;
  const std::string_view valid = text::valid_utf8(text, scratch);
  const size_t stop = limit > kNoLimit - ids.size() ? kNoLimit : ids.size() + limit;
  text::Collector(*this, ids, nullptr, {Detail::ids, split_special_tokens}, stop).run(valid);
}

std::optional<std::string_view> Tokenizer::Pipeline::token(int64_t id) const noexcept {
  if (const text::AddedToken* t = added.find(id)) return std::string_view(t->shown);
  return model->vocabulary.token(id);
}

std::string Tokenizer::Pipeline::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    const auto text = token(id);
    if (text && !(skip_special && added.is_special(*text))) tokens.emplace_back(*text);
  }
  return joined(std::move(tokens));
}

std::string Tokenizer::Pipeline::joined(std::vector<std::string> tokens) const {
  if (decoder) decoder->decode(tokens);
  std::string out;
  for (const std::string& t : tokens) {
    if (!decoder && &t != &tokens.front()) out += ' ';
    out += t;
  }
  return out;
}

}  // namespace tern
