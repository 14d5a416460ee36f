// SPDX-License-Identifier: Apache-2.0
// An encoder–decoder class of Transformers = a backbone with two halves and a head on the decoder's
// states. Seq2SeqModel puts them behind the Model interface, Seq2SeqFamily makes the registry's
// entries of an architecture.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "layers.h"
#include "text_model.h"

namespace tern {

/// The bare architecture, on packed tokens.
class Seq2SeqBackbone {
 public:
  virtual ~Seq2SeqBackbone() = default;
  /// [source tokens, hidden] f32; `states` as in TextBackbone.
  virtual Tensor encode(Context& ctx, const TokenBatch& batch,
                        std::vector<Tensor>* states) const = 0;
  /// Appends each decoder layer's keys and values of the encoder's output.
  virtual void read_source(Context& ctx, const Tensor& source, Encoded& out) const = 0;
  /// [tokens, hidden] f32 of a batch that has `encoded`.
  virtual Tensor decode(Context& ctx, const TokenBatch& batch,
                        std::vector<Tensor>* states) const = 0;

  int64_t hidden = 0;
  int64_t max_length = 0;  // 0: no limit
  KvShape kv = {};         // of the decoder's self attention
};

/// What the decoder reads when a call has no decoder_input_ids: the encoder's, moved to the right.
struct ShiftedInputs {
  bool shifts = false;  // else decoder_input_ids must be given
  int64_t start = -1;   // decoder_start_token_id; -1: the config has none
  int64_t pad = -1;     // stands in for -100
};

class Seq2SeqModel final : public Model, public CausalModel {
 public:
  Seq2SeqModel(Config config, std::unique_ptr<Seq2SeqBackbone> backbone,
               std::unique_ptr<TextHead> head, const ShiftedInputs& shifted)
      : Model(std::move(config)),
        backbone_(std::move(backbone)),
        head_(std::move(head)),
        shifted_(shifted) {}

  /// input_ids or inputs_embeds, attention_mask, and the same with decoder_; outputs are the
  /// head's, decoder_hidden_states.N, encoder_last_hidden_state, encoder_hidden_states.N.
  NamedTensors forward(Context& ctx, const NamedTensors& inputs,
                       const ForwardOptions& options) const override;
  const CausalModel* causal() const override { return head_->causal() ? this : nullptr; }
  KvShape kv_shape() const override { return backbone_->kv; }
  bool has_encoder() const override { return true; }
  Encoded encode_sources(Context& ctx, const NamedTensors& inputs) const override;
  Tensor next_logits(Context& ctx, const TokenBatch& batch,
                     std::span<const int64_t> rows) const override {
    return head_->logits(ctx, gather_rows(ctx, backbone_->decode(ctx, batch, nullptr), rows));
  }
  int64_t max_length() const override { return backbone_->max_length; }

 private:
  PaddedBatch source(const NamedTensors& inputs) const;
  PaddedBatch target(const PaddedBatch& source, const NamedTensors& inputs) const;

  std::unique_ptr<Seq2SeqBackbone> backbone_;
  std::unique_ptr<TextHead> head_;
  ShiftedInputs shifted_;
};

/// A table that several names of the checkpoint may hold (shared, encoder.embed_tokens, …): its own
/// name when that is there, else the first of `names` that is. Names from w, without ".weight". The
/// first of `names` is what the class itself calls it: saved under that, fresh by `init`.
Tensor take_shared(const Weights& w, std::string_view own,
                   std::initializer_list<std::string_view> names, const Shape& shape,
                   const Init& init = Init::normal);

/// logits [batch, labels] from the decoder's state at the last eos of input_ids:
/// classification_head.{dense, out_proj}.
std::unique_ptr<TextHead> make_last_eos_head(const HeadContext& c);

/// Members that the architecture's configs have when the file does not say.
using ConfigDefaults = std::vector<std::pair<std::string, int64_t>>;
/// num_labels only where there is no id2label either.
Config with_defaults(const Config& c, const ConfigDefaults& defaults);

/// The classes of one architecture.
template <class Backbone>
struct Seq2SeqFamily {
  struct Class {
    std::string suffix, task;
    HeadFactory head;
    std::string scope = {};  // of the backbone's names
    bool shifts_inputs = false;
  };

  std::string model_type, class_prefix, base_prefix;
  ConfigDefaults defaults;

  ModelClass entry(const Class& c) const {
    ModelFactory make = [defaults = defaults, c](const Config& given, const Weights& w) {
      const Config config = with_defaults(given, defaults);
      const Weights scope = w / c.scope;
      auto backbone = std::make_unique<Backbone>(config, scope);
      auto head = c.head({config, w, scope, backbone->hidden});
      const ShiftedInputs shifted = {.shifts = c.shifts_inputs,
                                     .start = token_id(config, "decoder_start_token_id"),
                                     .pad = token_id(config, "pad_token_id")};
      return std::unique_ptr<Model>(
          new Seq2SeqModel(config, std::move(backbone), std::move(head), shifted));
    };
    return {.name = class_prefix + c.suffix,
            .model_type = model_type,
            .task = c.task,
            .base_prefix = base_prefix,
            .make = std::move(make)};
  }

 private:
  static int64_t token_id(const Config& c, std::string_view name) {
    return c.integer({name}, -1, -1, int64_t{1} << 31);
  }
};

}  // namespace tern
