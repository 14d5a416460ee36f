// SPDX-License-Identifier: Apache-2.0
// Tokenizer: text to ids with exactly Hugging Face's result, from tokenizer.json or from the older
// vocabulary files. Immutable; any number of threads may call one tokenizer.
// Invalid UTF-8 in a text is replaced by U+FFFD, as Python's decoder does, before anything else.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../hub/formats/json.h"
#include "../../hub/repo.h"
#include "batch_encoding.h"
#include "encoding.h"

namespace tern {

enum class TruncationStrategy { longest_first, only_first, only_second, do_not_truncate };
enum class PaddingStrategy { do_not_pad, longest, max_length };
enum class Side { right, left };

/// One encode call on the level of the tokenizers library: no padding, no dtype.
struct EncodeOptions {
  bool add_special_tokens = true;
  bool want_offsets = false;  // offsets, word ids, sequence ids
  bool want_tokens = false;   // the tokens' text too (implies want_offsets)
  /// Texts of special tokens in the input are plain text. (A Unigram model still finds those that
  /// are pieces of its own, as the reference's does.)
  bool split_special_tokens = false;
  /// Total length allowed, special tokens included; 0 = no truncation.
  int64_t max_length = 0;
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  Side truncation_side = Side::right;
  int64_t stride = 0;
  /// Keep the cut parts in Encoding::overflowing.
  bool want_overflow = false;
};

/// The call as in Transformers, with its names. What is absent is as the tokenizer's files say.
struct TokenizeOptions {
  bool add_special_tokens = true;
  bool padding = false;                                  // longest of the batch
  std::optional<PaddingStrategy> padding_strategy = {};  // overrides `padding`
  bool truncation = false;                               // longest_first to max_length
  std::optional<TruncationStrategy> truncation_strategy = {};
  /// 0: model_max_length. Given alone, without padding and truncation, it truncates.
  int64_t max_length = 0;
  /// Tokens that an overflowing window has in common with the one before it.
  int64_t stride = 0;
  int64_t pad_to_multiple_of = 0;
  std::optional<Side> padding_side = {}, truncation_side = {};
  std::optional<bool> split_special_tokens = {};
  std::optional<bool> return_token_type_ids = {};
  bool return_attention_mask = true;
  /// Each window of a text that was cut becomes a row; overflow_to_sample_mapping [rows] tells
  /// whose.
  bool return_overflowing_tokens = false;
  bool return_special_tokens_mask = false;  // special_tokens_mask [rows, length]
  bool return_offsets_mapping = false;      // offset_mapping [rows, length, 2]
  bool return_length = false;               // length [rows], padding included
  bool return_tokens = false;               // strings for BatchEncoding::tokens
};

struct DecodeOptions {
  bool skip_special_tokens = false;
  std::optional<bool> clean_up_tokenization_spaces = {};
};

struct ChatOptions;  // models/text/chat_template.h
class ChatTemplate;
namespace text {
class TokenTable;  // models/text/token_table.h
}

class TERN_API Tokenizer {
 public:
  struct Pipeline;  // the parsed components; models/text/pipeline.h

  Tokenizer() = default;
  explicit Tokenizer(std::shared_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode(std::string_view text, std::string_view pair,
                  const EncodeOptions& options = {}) const;
  /// The hot path of embed: ids only, appended to `ids`. Nothing is allocated beyond `ids` for text
  /// without added tokens when BERT's words are short (15 bytes) and each a token, byte-level BPE's
  /// in the word cache (up to 24 bytes and 8 tokens, seen lately). Other texts and other tokenizers
  /// need buffers in every call.
  void encode_ids(std::string_view text, const EncodeOptions& options,
                  std::vector<int64_t>& ids) const;

  /// Pre-split words: each is tokenized by itself, offsets count from its own beginning.
  Encoding encode_words(std::span<const std::string> words,
                        const EncodeOptions& options = {}) const;
  Encoding encode_words(std::span<const std::string> words, std::span<const std::string> pair,
                        const EncodeOptions& options = {}) const;

  /// Transformers' call: input_ids, token_type_ids (if the model reads them), attention_mask and
  /// what the options ask for, as int64 tensors [rows, length]. Unequal lengths without padding:
  /// invalid_argument. Large batches are encoded by the shared thread pool, with the same result.
  BatchEncoding operator()(std::string_view text, const TokenizeOptions& options = {}) const;
  BatchEncoding operator()(std::initializer_list<std::string_view> texts,
                           const TokenizeOptions& options = {}) const;
  BatchEncoding operator()(std::span<const std::string> texts,
                           const TokenizeOptions& options = {}) const;
  BatchEncoding operator()(std::span<const std::pair<std::string, std::string>> pairs,
                           const TokenizeOptions& options = {}) const;
  /// is_split_into_words: a row of words for each text.
  BatchEncoding operator()(std::span<const std::vector<std::string>> texts,
                           const TokenizeOptions& options = {}) const;

  /// A conversation (an array of messages: one row) or an array of conversations (a row each) as
  /// its model was trained on it: rendered with the repository's template, then called without
  /// adding special tokens a second time. Tensors as the call's and, if asked for, assistant_masks.
  /// Errors are those of ChatTemplate::render and of the call. The text alone:
  /// chat_template().render().
  BatchEncoding apply_chat_template(const hub::Json& messages, const ChatOptions& options) const;
  BatchEncoding apply_chat_template(const hub::Json& messages) const;
  /// The templates of the repository; it may have none.
  const ChatTemplate& chat_template() const;

  std::string decode(std::span<const int64_t> ids, const DecodeOptions& options = {}) const;
  std::vector<std::string> batch_decode(std::span<const std::vector<int64_t>> batch,
                                        const DecodeOptions& options = {}) const;

  /// Copies the files that the tokenizer was read from into a folder, made if need be:
  /// tokenizer.json, tokenizer_config.json (which then names the class), vocabulary, special
  /// tokens, chat templates. All appear together; those of an earlier tokenizer go. unsupported: it
  /// came from a GGUF file or a text; not_found: the files are gone; the folder's errors as
  /// PretrainedModel::save_pretrained.
  void save_pretrained(const std::string& folder) const;

  /// -1 when the token is not in the vocabulary.
  int64_t token_to_id(std::string_view token) const;
  /// Empty when the id is not in the vocabulary.
  std::string id_to_token(int64_t id) const;
  /// The id of each token; the unknown token's for one that is not in the vocabulary (-1 without).
  std::vector<int64_t> convert_tokens_to_ids(std::span<const std::string> tokens) const;
  std::vector<std::string> convert_ids_to_tokens(std::span<const int64_t> ids,
                                                 bool skip_special_tokens = false) const;
  /// What a token adds to a text that it stands within, as bytes: they need not be whole
  /// characters. Empty for special tokens and ids that are not in the vocabulary.
  std::string token_bytes(int64_t id) const;
  /// token_bytes of all ids. The first call makes it, which others meanwhile wait for; it is kept
  /// with the vocabulary, which copies of a tokenizer share and nothing changes, and lives as long.
  const text::TokenTable& token_table() const;
  int64_t vocab_size() const;
  /// 10^30 in the file means no limit: 0 here.
  int64_t model_max_length() const;
  int64_t pad_id() const;  // -1 without a pad token
  /// The truncation that tokenizer.json stores (max_length 0: none). No call applies it unasked.
  EncodeOptions default_options() const;
  /// Number of special tokens the post-processor adds to a single text (pair: to two).
  int64_t num_special_tokens(bool pair) const;

 private:
  std::shared_ptr<const Pipeline> pipeline_;
};

class TERN_API AutoTokenizer {
 public:
  /// A folder, org/name in the cache, or a file "….gguf", which is read as options.gguf_file is.
  static Tokenizer from_pretrained(const std::string& id_or_path,
                                   const hub::RepoOptions& options = {});
  static Tokenizer from_repo(const hub::Repo& repo, const std::string& gguf_file = {});
  /// A tokenizer.json (with nothing beside it).
  static Tokenizer from_json(std::string_view text, std::string_view what);
};

}  // namespace tern
