// SPDX-License-Identifier: Apache-2.0
#include "text_model.h"

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

Tensor TextHidden::first(Context& ctx) const {
  std::vector<int64_t> row_ids;
  row_ids.reserve(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) row_ids.push_back(row * length);
  return gather_rows(ctx, states, row_ids);
}

void tie(const TiedDecoder& names, const Config& config, const Weights& root,
         const std::string& base_prefix) {
  if (names.decoder.empty() || !config.boolean({"tie_word_embeddings"}, names.tied)) return;
  root.tie(cat(base_prefix, ".", names.embeddings, ".weight"), names.decoder + ".weight");
  if (!names.bias.empty()) root.tie(names.bias, names.decoder + ".bias");
}

NamedTensors TextModel::forward(Context& ctx, const NamedTensors& inputs,
                                const ForwardOptions& options) const {
  const TextArguments arguments =
      read_text_arguments(options.arguments, config(), backbone_->causal);
  const PaddedBatch batch = read_text_inputs(inputs, {.hidden = backbone_->hidden,
                                                      .token_types = backbone_->token_types,
                                                      .choices = head_->choices()});
  std::vector<Tensor> states;
  const Tensor last =
      backbone_->run(ctx, batch.tokens(), arguments.output_hidden_states ? &states : nullptr);
  NamedTensors out;
  head_->run(ctx, {last, batch.rows, batch.length, batch.choices, batch.input_ids}, out);
  for (size_t i = 0; i < states.size(); ++i) {
    out.set(cat("hidden_states.", i),
            states[i].reshape({batch.rows, batch.length, backbone_->hidden}));
  }
  return out;
}

const CausalModel* TextModel::causal() const {
  if (!head_->causal()) return nullptr;
  if (backbone_->causal) return this;
  fail(ErrorCode::unsupported,
       cat("generate: ", config().what(), " does not say is_decoder, so each token of ",
           class_name(), " sees those after it too: load it with is_decoder true"));
}

Tensor TextModel::encode(Context& ctx, const TokenBatch& batch) const {
  return backbone_->run(ctx, batch, nullptr);
}

}  // namespace tern
