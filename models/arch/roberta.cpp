// SPDX-License-Identifier: Apache-2.0
// RoBERTa (Liu 2019), XLM-RoBERTa (Conneau 2019), CamemBERT (Martin 2019): BERT's encoder with
// positions that start behind the padding id, a dense classification head and its own LM head.
#include "../blocks/bert_backbone.h"
#include "../initialise.h"
#include "arch.h"

namespace tern {

namespace {

EmbeddingSizes roberta_embeddings(const Config& c, int64_t hidden) {
  EmbeddingSizes sizes = EmbeddingSizes::from(c, hidden);
  sizes.pad_id = c.integer({"pad_token_id"}, 1, -1, int64_t{1} << 31);
  sizes.positions_after_pad = true;
  sizes.zero_row = padding_row(c, "pad_token_id", 1, sizes.vocab);
  return sizes;
}

struct Roberta final : BertBackbone {
  Roberta(const Config& c, const Weights& w) : BertBackbone(c, w, roberta_embeddings) {}
};

std::vector<ModelClass> family(const char* model_type, const char* class_prefix) {
  const TextFamily<Roberta> roberta{model_type, class_prefix, "roberta"};
  const TiedDecoder tied{"lm_head.decoder", "lm_head.bias"};
  return {
      roberta.base(make_bare_head_with_pooler),
      roberta.with_head("ForMaskedLM", "AutoModelForMaskedLM", make_lm_head, tied),
      roberta.with_head("ForCausalLM", "AutoModelForCausalLM", make_causal_lm_head, tied),
      roberta.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                        make_dense_row_head),
      roberta.with_head("ForTokenClassification", "AutoModelForTokenClassification",
                        make_token_head),
      roberta.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
      roberta.with_head("ForMultipleChoice", "AutoModelForMultipleChoice", make_pooled_choice_head),
  };
}

}  // namespace

std::vector<ModelClass> roberta_classes() {
  return family("roberta", "Roberta");
}
std::vector<ModelClass> xlm_roberta_classes() {
  return family("xlm-roberta", "XLMRoberta");
}
std::vector<ModelClass> camembert_classes() {
  return family("camembert", "Camembert");
}

}  // namespace tern
