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

#include "../../hub/repo.h"
#include "../model.h"
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
  /// Total length allowed, special tokens included; 0 = no truncation.
  int64_t max_length = 0;
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  Side truncation_side = Side::right;
  int64_t stride = 0;
  /// Keep the cut parts in Encoding::overflowing.
  bool want_overflow = false;
};

/// The call as in Transformers.
struct TokenizeOptions {
  bool add_special_tokens = true;
  bool padding = false;                                  // longest of the batch
  std::optional<PaddingStrategy> padding_strategy = {};  // overrides `padding`
  bool truncation = false;                               // longest_first to max_length
  std::optional<TruncationStrategy> truncation_strategy = {};
  int64_t max_length = 0;  // 0: model_max_length
  int64_t pad_to_multiple_of = 0;
};

struct DecodeOptions {
  bool skip_special_tokens = false;
  std::optional<bool> clean_up_tokenization_spaces = {};
};

class TERN_API Tokenizer {
 public:
  struct Pipeline;  // the parsed components; models/text/pipeline.h

  Tokenizer() = default;
  explicit Tokenizer(std::shared_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode(std::string_view text, std::string_view pair,
                  const EncodeOptions& options = {}) const;
  /// The hot path of embed: ids only, appended to `ids`; no allocation beyond `ids` once warm.
  void encode_ids(std::string_view text, const EncodeOptions& options,
                  std::vector<int64_t>& ids) const;

  /// Transformers' call: input_ids, token_type_ids (if the model reads them), attention_mask as
  /// int64 tensors [batch, length]. Unequal lengths without padding: invalid_argument.
  NamedTensors operator()(std::string_view text, const TokenizeOptions& options = {}) const;
  NamedTensors operator()(std::initializer_list<std::string_view> texts,
                          const TokenizeOptions& options = {}) const;
  NamedTensors operator()(std::span<const std::string> texts,
                          const TokenizeOptions& options = {}) const;
  NamedTensors operator()(std::span<const std::pair<std::string, std::string>> pairs,
                          const TokenizeOptions& options = {}) const;

  std::string decode(std::span<const int64_t> ids, const DecodeOptions& options = {}) const;

  /// -1 when the token is not in the vocabulary.
  int64_t token_to_id(std::string_view token) const;
  /// Empty when the id is not in the vocabulary.
  std::string id_to_token(int64_t id) const;
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
  static Tokenizer from_pretrained(const std::string& id_or_path,
                                   const hub::RepoOptions& options = {});
  static Tokenizer from_repo(const hub::Repo& repo);
  /// A tokenizer.json (with nothing beside it).
  static Tokenizer from_json(std::string_view text, std::string_view what);
};

}  // namespace tern
