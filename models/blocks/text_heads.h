// SPDX-License-Identifier: Apache-2.0
// Heads of text encoders. An architecture says which weights a head has; what heads compute is
// here.
#pragma once

#include <memory>
#include <vector>

#include "layers.h"
#include "text_model.h"

namespace tern {

/// A dense layer of a head and what follows it.
struct HeadLayer {
  Linear dense;
  Act act = Act::none;
};

/// last_hidden_state and, with a pooler, pooler_output = act(W · first token).
std::unique_ptr<TextHead> bare_head();
std::unique_ptr<TextHead> bare_head(HeadLayer pooler);

/// logits [batch, labels]: the layers in turn on the first token.
std::unique_ptr<TextHead> row_head(std::vector<HeadLayer> layers);
/// The same with one output per choice: logits [batch, choices].
std::unique_ptr<TextHead> choice_head(std::vector<HeadLayer> layers);
/// logits [batch, length, labels]
std::unique_ptr<TextHead> token_head(Linear classifier);
/// start_logits, end_logits [batch, length]. classifier has two outputs.
std::unique_ptr<TextHead> span_head(Linear classifier);

/// decoder(norm(act(dense(x)))): [tokens, vocabulary]
struct LanguageHead {
  Linear dense;
  Act act = Act::gelu;
  LayerNorm norm;
  Linear decoder;

  Tensor operator()(Context& ctx, const Tensor& x) const;
};
/// logits [batch, length, vocabulary]; `generates`: of a class that text is generated with.
std::unique_ptr<TextHead> language_head(LanguageHead head, bool generates = false);
/// BERT's two tasks: prediction_logits, seq_relationship_logits.
std::unique_ptr<TextHead> pretraining_head(LanguageHead language, HeadLayer pooler,
                                           Linear relation);

/// tanh(W · first token), BERT's pooler: base / "pooler" / "dense".
HeadLayer make_pooler(const HeadContext& c);
/// root / name: [hidden → labels of the config]
Linear make_classifier(const HeadContext& c, std::string_view name);
/// root / name: [hidden → 2]; invalid_argument when the config has another number of labels.
Linear make_span_classifier(const HeadContext& c, std::string_view name);

// Factories that several architectures share as they are.
std::unique_ptr<TextHead> make_bare_head(const HeadContext& c);
std::unique_ptr<TextHead> make_bare_head_with_pooler(const HeadContext& c);
std::unique_ptr<TextHead> make_pooled_choice_head(const HeadContext& c);
std::unique_ptr<TextHead> make_token_head(const HeadContext& c);
std::unique_ptr<TextHead> make_span_head(const HeadContext& c);
/// RoBERTa and MPNet: classifier.dense, tanh, classifier.out_proj.
std::unique_ptr<TextHead> make_dense_row_head(const HeadContext& c);
/// RoBERTa and MPNet: lm_head.{dense, layer_norm, decoder}, always erf GELU.
std::unique_ptr<TextHead> make_lm_head(const HeadContext& c);
std::unique_ptr<TextHead> make_causal_lm_head(const HeadContext& c);

}  // namespace tern
