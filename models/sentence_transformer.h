// SPDX-License-Identifier: Apache-2.0
// The sentence-transformers pipeline of a repository (modules.json: Transformer, Pooling, Dense,
// Normalize; sentence_bert_config.json; prompts of config_sentence_transformers.json): texts to
// vectors. Without modules.json: mean pooling, as the Python library does. Immutable, thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auto.h"
#include "text/tokenizer.h"

namespace tern {

struct EncodeTextsOptions {
  /// Name of one of the repository's prompts, put before each text; "" = its default prompt, if
  /// any.
  std::string prompt_name = {};
  /// Texts per pass (a bound on memory). The result does not depend on it by a single bit.
  int batch_size = 32;
  /// Unit length even if the repository has no Normalize module.
  bool normalize = false;
};

/// The modules behind the transformer: hidden states of tokens to one vector per text.
class TERN_API SentenceHead {
 public:
  /// True for a sentence-transformers folder (it has a modules.json).
  static bool present(const hub::Repo& repo);
  /// By modules.json, else mean pooling. `hidden`: width of the transformer's states.
  static SentenceHead from_repo(const hub::Repo& repo, int64_t hidden);

  /// hidden [tokens, hidden] of packed tokens to [sequences, dimension], on the arena. Tokens that
  /// the key mask excludes do not count.
  Tensor operator()(Context& ctx, const Tensor& hidden, const Segments& segments) const;
  /// Adds "sentence_embedding" [batch, dimension] to what a model's forward gave, from its
  /// last_hidden_state and the attention_mask of the inputs.
  void add_embedding(Context& ctx, const NamedTensors& inputs, NamedTensors& outputs) const;

  int64_t dimension() const noexcept;
  /// False when a prompt's tokens must not be pooled.
  bool include_prompt() const noexcept;
  /// True when the last module makes unit vectors.
  bool normalizes() const noexcept;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

class TERN_API SentenceTransformer {
 public:
  static SentenceTransformer from_pretrained(const std::string& id_or_path,
                                             const LoadOptions& options = {});
  static SentenceTransformer from_repo(const hub::Repo& repo, const LoadOptions& options = {});

  /// [texts, dimension] f32 on the heap. An empty text is a text like any other.
  Tensor encode(std::span<const std::string_view> texts,
                const EncodeTextsOptions& options = {}) const;
  Tensor encode(std::initializer_list<std::string_view> texts,
                const EncodeTextsOptions& options = {}) const {
    return encode(std::span(texts.begin(), texts.size()), options);
  }
  Tensor encode(Context& ctx, std::span<const std::string_view> texts,
                const EncodeTextsOptions& options = {}) const;
  /// The pipeline behind the transformer on hidden states of packed tokens: [sequences, dimension].
  Tensor embed_hidden(Context& ctx, const Tensor& hidden, const Segments& segments) const;

  int64_t dimension() const;
  int64_t max_seq_length() const;
  /// Names of the repository's prompts.
  std::vector<std::string> prompt_names() const;
  const PretrainedModel& model() const;
  const Tokenizer& tokenizer() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace tern
