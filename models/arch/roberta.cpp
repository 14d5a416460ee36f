// SPDX-License-Identifier: Apache-2.0
// RoBERTa (Liu 2019), XLM-RoBERTa (Conneau 2019), CamemBERT (Martin 2019): BERT's encoder with
// positions that start behind the padding id, a dense classification head and its own LM head.
#include "../blocks/encoder_layer.h"
#include "../blocks/text_embeddings.h"
#include "../blocks/text_heads.h"
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

struct Roberta final : TextBackbone {
  TextEmbeddings embeddings;
  std::vector<PostNormLayer> layers;

  Roberta(const Config& c, const Weights& w) : Roberta(c, EncoderSizes::from(c), w) {}
  Roberta(const Config& c, const EncoderSizes& sizes, const Weights& w)
      : embeddings(roberta_embeddings(c, sizes.hidden), w / "embeddings"),
        layers(bert_layers(sizes, w)) {
    hidden = sizes.hidden;
    max_length = embeddings.sizes().max_length();
    token_types = true;
  }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_layers(ctx, layers, embeddings(ctx, batch), batch.segments, states);
  }
};

std::vector<ModelClass> family(const char* model_type, const char* class_prefix) {
  const TextFamily<Roberta> roberta{model_type, class_prefix, "roberta"};
  return {
      roberta.base(make_bare_head_with_pooler),
      roberta.with_head("ForMaskedLM", "AutoModelForMaskedLM", make_lm_head,
                        {"lm_head.decoder", "lm_head.bias"}),
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
