// SPDX-License-Identifier: Apache-2.0
// BERT (Devlin 2018): post-norm encoder, erf GELU, absolute positions, token types, tanh pooler;
// with is_decoder a language model.
// Tokens are packed: x is [tokens, hidden] for a whole batch.
#include "../blocks/bert_backbone.h"
#include "arch.h"

namespace tern {

namespace {

struct Bert final : BertBackbone {
  Bert(const Config& c, const Weights& w) : BertBackbone(c, w, EmbeddingSizes::from) {}
};

using Head = std::unique_ptr<TextHead>;

/// cls.predictions: transform, then the decoder tied to the word embeddings.
LanguageHead predictions(const HeadContext& c) {
  const Weights w = c.root / "cls" / "predictions";
  const int64_t vocab = c.config.integer({"vocab_size"}, 30522, 1, int64_t{1} << 31);
  w.take("bias", {vocab}, Init::zeros);  // a name of its own, used through the decoder
  return {.dense = make_linear(w / "transform" / "dense", c.hidden, c.hidden),
          .act = c.config.activation({"hidden_act"}, "gelu"),
          .norm = make_layer_norm(w / "transform" / "LayerNorm", c.hidden,
                                  c.config.number({"layer_norm_eps"}, 1e-12, 0, 1)),
          .decoder = make_linear(w / "decoder", c.hidden, vocab)};
}

Linear relationship(const HeadContext& c) {
  return make_linear(c.root / "cls" / "seq_relationship", c.hidden, 2);
}

Head masked_lm(const HeadContext& c) {
  return language_head(predictions(c));
}

Head causal_lm(const HeadContext& c) {
  return language_head(predictions(c), true);
}

Head pretraining(const HeadContext& c) {
  return pretraining_head(predictions(c), make_pooler(c), relationship(c));
}

Head next_sentence(const HeadContext& c) {
  return row_head({make_pooler(c), {relationship(c), Act::none}});
}

Head sequence_classification(const HeadContext& c) {
  return row_head({make_pooler(c), {make_classifier(c, "classifier"), Act::none}});
}

}  // namespace

std::vector<ModelClass> bert_classes() {
  const TextFamily<Bert> bert{"bert", "Bert", "bert"};
  const TiedDecoder tied{"cls.predictions.decoder", "cls.predictions.bias"};
  return {
      bert.base(make_bare_head_with_pooler),
      bert.with_head("ForPreTraining", "AutoModelForPreTraining", pretraining, tied),
      bert.with_head("ForMaskedLM", "AutoModelForMaskedLM", masked_lm, tied),
      bert.with_head("LMHeadModel", "AutoModelForCausalLM", causal_lm, tied),
      bert.with_head("ForNextSentencePrediction", "AutoModelForNextSentencePrediction",
                     next_sentence),
      bert.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                     sequence_classification),
      bert.with_head("ForTokenClassification", "AutoModelForTokenClassification", make_token_head),
      bert.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
      bert.with_head("ForMultipleChoice", "AutoModelForMultipleChoice", make_pooled_choice_head),
  };
}

}  // namespace tern
