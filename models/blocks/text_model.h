// SPDX-License-Identifier: Apache-2.0
// A text encoder class of Transformers = a backbone (what the architecture is) and a head (what the
// task is). TextModel puts the two behind the Model interface; TextFamily makes the registry's
// entries of an architecture.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../auto.h"
#include "text_inputs.h"

namespace tern {

/// The bare architecture: packed tokens to hidden states.
class TextBackbone {
 public:
  virtual ~TextBackbone() = default;
  /// [tokens, hidden] f32. `states`, when not null, gets the embeddings and each layer's output.
  virtual Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const = 0;

  /// Of CausalModel.
  virtual int64_t cache_regime(int64_t /*length*/) const { return 0; }
  virtual bool depends_on_length() const { return false; }

  int64_t hidden = 0;
  int64_t max_length = 0;
  bool token_types = false;
  bool causal = false;                   // a language model: the arguments are a decoder's
  bool positions_count_padding = false;  // of CausalModel
  KvShape kv = {};                       // of a language model
};

/// What a head reads: the last hidden states of a padded batch.
struct TextHidden {
  Tensor states;  // [rows · length, hidden]
  int64_t rows, length;
  int64_t choices;                     // 0 unless multiple choice
  std::span<const int64_t> input_ids;  // [rows · length] or empty: embeddings were given
  /// Row 0 of every sequence: [rows, hidden].
  Tensor first(Context& ctx) const;
};

class TextHead {
 public:
  virtual ~TextHead() = default;
  virtual void run(Context& ctx, const TextHidden& hidden, NamedTensors& out) const = 0;
  /// Inputs are [batch, choices, length].
  virtual bool choices() const { return false; }
  /// Of a causal head: [rows, vocabulary] from hidden states [rows, hidden]; empty from others.
  virtual Tensor logits(Context& /*ctx*/, const Tensor& /*states*/) const { return {}; }
  virtual bool causal() const { return false; }
};

class TextModel final : public Model, public CausalModel {
 public:
  TextModel(Config config, std::unique_ptr<TextBackbone> backbone, std::unique_ptr<TextHead> head)
      : Model(std::move(config)), backbone_(std::move(backbone)), head_(std::move(head)) {}

  NamedTensors forward(Context& ctx, const NamedTensors& inputs,
                       const ForwardOptions& options) const override;
  Tensor encode(Context& ctx, const TokenBatch& batch) const override;
  const CausalModel* causal() const override;
  KvShape kv_shape() const override { return backbone_->kv; }
  int64_t cache_regime(int64_t length) const override { return backbone_->cache_regime(length); }
  bool depends_on_length() const override { return backbone_->depends_on_length(); }
  bool positions_count_padding() const override { return backbone_->positions_count_padding; }
  Tensor next_logits(Context& ctx, const TokenBatch& batch,
                     std::span<const int64_t> rows) const override {
    return head_->logits(ctx, gather_rows(ctx, backbone_->run(ctx, batch, nullptr), rows));
  }
  int64_t hidden_size() const override { return backbone_->hidden; }
  int64_t max_length() const override { return backbone_->max_length; }
  bool has_token_types() const override { return backbone_->token_types; }

 private:
  std::unique_ptr<TextBackbone> backbone_;
  std::unique_ptr<TextHead> head_;
};

/// Where a head's weights stand: at the root of the class's names, or in the backbone's scope.
struct HeadContext {
  const Config& config;
  Weights root;  // "classifier", "lm_head", …
  Weights base;  // "bert."
  int64_t hidden;
};
using HeadFactory = std::unique_ptr<TextHead> (*)(const HeadContext&);

/// A language model's decoder, by names from the root: its weight is the word embeddings and its
/// bias the tensor `bias`, when the config says tie_word_embeddings (or does not and `tied` is).
struct TiedDecoder {
  std::string decoder = {}, bias = {};
  std::string embeddings = "embeddings.word_embeddings";  // from the backbone
  bool tied = true;
};
void tie(const TiedDecoder& names, const Config& config, const Weights& root,
         const std::string& base_prefix);

/// The classes of one architecture that share a backbone.
template <class Backbone>
struct TextFamily {
  std::string model_type;    // "bert"
  std::string class_prefix;  // "Bert"
  std::string base_prefix;   // "bert"

  /// BertModel: names without the prefix.
  ModelClass base(HeadFactory head) const { return entry("Model", "AutoModel", head, {}, true); }
  /// Bert + suffix.
  ModelClass with_head(const std::string& suffix, const std::string& task, HeadFactory head,
                       const TiedDecoder& tied = {}) const {
    return entry(suffix, task, head, tied, false);
  }

 private:
  ModelClass entry(const std::string& suffix, const std::string& task, HeadFactory head,
                   const TiedDecoder& tied, bool bare) const {
    ModelFactory make = [prefix = base_prefix, head, tied, bare](const Config& c,
                                                                 const Weights& w) {
      const Weights scope = bare ? w : w / prefix;
      tie(tied, c, w, prefix);
      auto backbone = std::make_unique<Backbone>(c, scope);
      auto made = head({c, w, scope, backbone->hidden});
      return std::unique_ptr<Model>(new TextModel(c, std::move(backbone), std::move(made)));
    };
    return {.name = class_prefix + suffix,
            .model_type = model_type,
            .task = task,
            .base_prefix = base_prefix,
            .make = std::move(make)};
  }
};

}  // namespace tern
