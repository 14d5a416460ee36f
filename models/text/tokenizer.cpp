// SPDX-License-Identifier: Apache-2.0
// The public calls of Tokenizer; see tokenizer.h.
#include "tokenizer.h"

#include <algorithm>

#include "../../engine/base/format.h"
#include "../gguf_source.h"
#include "../out_of_memory.h"
#include "clean_up.h"
#include "files/gguf_tokenizer.h"
#include "pipeline.h"

namespace tern {

namespace {

using text::Detail;

/// Trimming offsets needs the tokens' text.
Detail detail_of(const Tokenizer::Pipeline& p, const EncodeOptions& o) {
  if (o.want_tokens || (o.want_offsets && !p.post_processor.trims.empty())) return Detail::tokens;
  return o.want_offsets ? Detail::offsets : Detail::ids;
}

text::Mode mode_of(const Tokenizer::Pipeline& p, const EncodeOptions& o) {
  return {detail_of(p, o), o.split_special_tokens};
}

/// What remains of max_length without special tokens. None: nothing is cut (no limit was given, or
/// it is below the number of special tokens, which the reference takes for no limit).
std::optional<int64_t> room(const Tokenizer::Pipeline& p, const EncodeOptions& o, bool pair) {
  if (o.max_length <= 0 || o.strategy == TruncationStrategy::do_not_truncate) return std::nullopt;
  const int64_t single = o.max_length - p.post_processor.added(false);
  if (single >= 0 && single < o.stride) {
    fail(ErrorCode::invalid_argument,
         cat("tokenizer stride set to ", o.stride,
             ", which is greater than or equal to its effective ", "max length of ", single,
             " (= ", o.max_length, " original max length - ", p.post_processor.added(false),
             " added special tokens)"));
  }
  const int64_t left = o.max_length - (o.add_special_tokens ? p.post_processor.added(pair) : 0);
  return left < 0 ? std::nullopt : std::optional(left);
}

Encoding finish(const Tokenizer::Pipeline& p, Encoding first, Encoding* second,
                const EncodeOptions& o) {
  if (const auto left = room(p, o, second != nullptr)) {
    text::truncate(first, second,
                   {.max_length = *left,
                    .strategy = o.strategy,
                    .side = o.truncation_side,
                    .stride = o.stride,
                    .want_overflow = o.want_overflow});
  }
  const bool detailed = detail_of(p, o) != Detail::ids;
  Encoding* const both[2] = {&first, second};
  for (int i = 0; i < 2 && both[i] && detailed; ++i) {
    both[i]->sequence_ids.assign(both[i]->ids.size(), i);
    for (Encoding& e : both[i]->overflowing) e.sequence_ids.assign(e.ids.size(), i);
  }
  return p.post_processor.process(std::move(first), second, o.add_special_tokens, detail_of(p, o));
}

}  // namespace

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  return finish(p, p.tokenize(text, mode_of(p, options)), nullptr, options);
}

Encoding Tokenizer::encode_words(std::span<const std::string> words,
                                 const EncodeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  return finish(p, p.tokenize_words(words, mode_of(p, options)), nullptr, options);
}

Encoding Tokenizer::encode_words(std::span<const std::string> words,
                                 std::span<const std::string> pair,
                                 const EncodeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  Encoding second = p.tokenize_words(pair, mode_of(p, options));
  return finish(p, p.tokenize_words(words, mode_of(p, options)), &second, options);
}

Encoding Tokenizer::encode(std::string_view text, std::string_view pair,
                           const EncodeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  Encoding second = p.tokenize(pair, mode_of(p, options));
  return finish(p, p.tokenize(text, mode_of(p, options)), &second, options);
}

void Tokenizer::encode_ids(std::string_view text, const EncodeOptions& options,
                           std::vector<int64_t>& ids) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const auto left = room(p, options, false);
  // The tail of a text that is cut on the right need not be looked at.
  const bool simple = !left || (options.truncation_side == Side::right &&
                                options.strategy == TruncationStrategy::longest_first);
  if (!simple) {
    const Encoding e = encode(text, options);
    ids.insert(ids.end(), e.ids.begin(), e.ids.end());
    return;
  }
  const auto add_text = [&] {
    const size_t before = ids.size();
    const size_t limit = left ? static_cast<size_t>(*left) : std::numeric_limits<size_t>::max();
    p.tokenize_ids(text, ids, limit, options.split_special_tokens);
    if (ids.size() - before > limit) ids.resize(before + limit);
  };
  if (!p.post_processor.single) return add_text();
  for (const text::TemplatePiece& piece : *p.post_processor.single) {
    if (piece.sequence >= 0) {
      add_text();
    } else if (options.add_special_tokens) {
      ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
    }
  }
}

std::string Tokenizer::decode(std::span<const int64_t> ids, const DecodeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  std::string out = p.decode(ids, options.skip_special_tokens);
  if (options.clean_up_tokenization_spaces.value_or(p.settings.clean_up_tokenization_spaces)) {
    text::clean_up(out, false);
  }
  return out;
}

std::string Tokenizer::token_bytes(int64_t id) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const auto token = p.token(id);
  if (!token || p.added.is_special(*token)) return {};
  if (p.decoder) {
    if (auto bytes = p.decoder->raw_bytes(*token)) return *bytes;
  }
  // Between two that no decoder changes: what it does to the first and the last does not count.
  const std::string mark = "\x01";
  const std::string text = p.joined({mark, std::string(*token), mark});
  const std::string behind = p.joined({mark, mark}).substr(mark.size());
  if (text.size() < mark.size() + behind.size() || !text.ends_with(behind)) return {};
  return text.substr(mark.size(), text.size() - mark.size() - behind.size());
}

const text::TokenTable& Tokenizer::token_table() const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const std::lock_guard lock(p.token_table_mutex);
  if (p.token_table) return *p.token_table;
  std::vector<int32_t> ids;  // those that there are: a file's numbers can be any
  for (const text::Vocabulary::Entry& entry : p.model->vocabulary.entries())
    ids.push_back(entry.id);
  for (const text::AddedToken& added : p.added.tokens()) ids.push_back(added.id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<std::pair<std::string, uint32_t>> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    std::string bytes = token_bytes(id);
    if (!bytes.empty()) tokens.emplace_back(std::move(bytes), static_cast<uint32_t>(id));
  }
  p.token_table = std::make_unique<const text::TokenTable>(tokens);
  return *p.token_table;
}

std::vector<std::string> Tokenizer::batch_decode(std::span<const std::vector<int64_t>> batch,
                                                 const DecodeOptions& options) const {
  std::vector<std::string> out;
  out.reserve(batch.size());
  for (const std::vector<int64_t>& ids : batch) out.push_back(decode(ids, options));
  return out;
}

std::vector<int64_t> Tokenizer::convert_tokens_to_ids(std::span<const std::string> tokens) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const int64_t unknown = p.settings.unk_token.empty() ? -1 : token_to_id(p.settings.unk_token);
  std::vector<int64_t> out;
  out.reserve(tokens.size());
  for (const std::string& token : tokens) {
    const int64_t id = token_to_id(token);
    out.push_back(id < 0 ? unknown : id);
  }
  return out;
}

std::vector<std::string> Tokenizer::convert_ids_to_tokens(std::span<const int64_t> ids,
                                                          bool skip_special_tokens) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  std::vector<std::string> out;
  for (const int64_t id : ids) {
    const std::string_view token = p.token(id).value_or("");
    if (!skip_special_tokens || !p.added.is_special(token)) out.emplace_back(token);
  }
  return out;
}

int64_t Tokenizer::token_to_id(std::string_view token) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  if (const text::AddedToken* t = p.added.find(token)) return t->id;
  return p.model->vocabulary.find(token);
}

std::string Tokenizer::id_to_token(int64_t id) const {
  return std::string(Pipeline::checked(pipeline_).token(id).value_or(""));
}

int64_t Tokenizer::vocab_size() const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  auto size = static_cast<int64_t>(p.model->vocabulary.listed());
  for (const text::AddedToken& t : p.added.tokens())
    size += p.model->vocabulary.find(t.content) < 0;
  return size;
}

int64_t Tokenizer::model_max_length() const {
  return Pipeline::checked(pipeline_).settings.model_max_length;
}

int64_t Tokenizer::pad_id() const {
  return Pipeline::checked(pipeline_).settings.pad_id;
}

EncodeOptions Tokenizer::default_options() const {
  EncodeOptions o;
  if (const auto& t = Pipeline::checked(pipeline_).truncation) {
    o.max_length = t->max_length;
    o.strategy = t->strategy;
    o.truncation_side = t->side;
    o.stride = t->stride;
  }
  return o;
}

int64_t Tokenizer::num_special_tokens(bool pair) const {
  return Pipeline::checked(pipeline_).post_processor.added(pair);
}

Tokenizer AutoTokenizer::from_pretrained(const std::string& id_or_path,
                                         const hub::RepoOptions& options) {
  return within_memory(id_or_path, [&] {
    hub::RepoOptions texts = options;
    texts.weights = hub::WeightFiles::none;
    const Source source = open_source(id_or_path, texts);
    return from_repo(source.repo, source.gguf_file);
  });
}

Tokenizer AutoTokenizer::from_repo(const hub::Repo& repo, const std::string& gguf_file) {
  return within_memory(repo.name(), [&] {
    return Tokenizer(std::shared_ptr<const Tokenizer::Pipeline>(
        gguf_file.empty() ? text::read_repository(repo)
                          : text::read_gguf_tokenizer(open_gguf(repo, gguf_file))));
  });
}

Tokenizer AutoTokenizer::from_json(std::string_view text, std::string_view what) {
  return within_memory(what, [&] {
    auto pipeline = Tokenizer::Pipeline::parse(text, what);
    pipeline->finish();
    return Tokenizer(std::shared_ptr<const Tokenizer::Pipeline>(std::move(pipeline)));
  });
}

}  // namespace tern
