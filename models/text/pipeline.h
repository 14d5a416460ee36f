// SPDX-License-Identifier: Apache-2.0
// Pipeline: the parsed components of a tokenizer and what runs them in order:
// added tokens -> normalizer -> pre-tokenizer -> model -> truncation -> post-processor; and back.
#pragma once

#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.h"
#include "bert_scan.h"
#include "byte_level_scan.h"
#include "chat_template.h"
#include "decoders/decoders.h"
#include "normalizers/normalizers.h"
#include "post_processors/post_processors.h"
#include "pre_tokenizers/pre_tokenizers.h"
#include "subwords/text_model.h"
#include "token_table.h"
#include "tokenizer.h"
#include "truncation.h"
#include "wordwise.h"

namespace tern {

namespace text {

/// What the files beside the vocabulary say about calls.
struct Settings {
  int64_t model_max_length = 0;  // 0: no limit
  Side padding_side = Side::right, truncation_side = Side::right;
  std::string pad_token;  // empty: none
  int64_t pad_id = -1, pad_type_id = 0;
  bool wants_type_ids = true;
  bool clean_up_tokenization_spaces = false;
  bool split_special_tokens = false;
  std::string unk_token;  // empty: none
};

/// How a text is tokenized.
struct Mode {
  Detail detail = Detail::ids;
  bool split_special_tokens = false;
};

}  // namespace text

struct Tokenizer::Pipeline {
  std::unique_ptr<text::Normalizer> normalizer;
  std::unique_ptr<text::PreTokenizer> pre_tokenizer;
  std::unique_ptr<text::TextModel> model;
  text::AddedTokens added;
  text::PostProcessor post_processor;
  std::unique_ptr<text::Decoder> decoder;      // null: tokens are joined by blanks
  std::optional<text::Truncation> truncation;  // as stored in tokenizer.json
  std::optional<text::Padding> padding;
  text::Settings settings;
  ChatTemplate chat;
  /// Where the files are that save_pretrained copies, and the class that read them (empty: none in
  /// particular); nothing for a tokenizer that did not come from a repository's files.
  std::optional<hub::Repo> repo;
  std::string class_name;
  /// Origins are tracked even when nobody asks for offsets.
  bool needs_origins = false;
  /// Components that are BERT's, or byte-level BPE's, run as one fused pass.
  std::unique_ptr<text::BertScan> fused;
  std::unique_ptr<text::ByteLevelScan> byte_level;
  /// Null when the text must be seen as a whole.
  std::unique_ptr<text::Wordwise> wordwise;
  /// Null until Tokenizer::token_table is first called: most who load a tokenizer never need it. A
  /// mutex, as what runs out of memory is tried again by the next call.
  mutable std::unique_ptr<const text::TokenTable> token_table;
  mutable std::mutex token_table_mutex;

  /// Parses tokenizer.json; `what` names it in errors. finish() is still to be called.
  static std::unique_ptr<Pipeline> parse(std::string_view text, std::string_view what);
  /// What a Tokenizer has; an Error when it is an empty one.
  static const Pipeline& checked(const std::shared_ptr<const Pipeline>& pipeline);
  /// Once the components and added tokens are in place: chooses the passes that run them.
  void finish();

  /// One sequence without special tokens and cuts. Scanning may stop after `limit` tokens.
  Encoding tokenize(std::string_view text, const text::Mode& mode) const;
  /// Words that the caller has split: each by itself, numbered as the caller did.
  Encoding tokenize_words(std::span<const std::string> words, const text::Mode& mode) const;
  void tokenize_ids(std::string_view text, std::vector<int64_t>& ids, size_t limit,
                    bool split_special_tokens) const;

  std::optional<std::string_view> token(int64_t id) const noexcept;
  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const;
  /// The text of tokens.
  std::string joined(std::vector<std::string> tokens) const;
};

namespace text {

/// tokenizer.json, else the vocabulary that the repository's class reads (vocab.txt, vocab.json
/// with merges.txt, SentencePiece, tiktoken, tekken), with what the files beside it say.
std::unique_ptr<Tokenizer::Pipeline> read_repository(const hub::Repo& repo);

}  // namespace text

}  // namespace tern
