// SPDX-License-Identifier: Apache-2.0
// MPNet (Song 2020): BERT's encoder with a learned bias per head and distance bucket added to the
// attention scores of every layer; positions start behind the padding id; no token types.
#include "../blocks/encoder_layer.h"
#include "../blocks/relative_bias.h"
#include "../blocks/text_embeddings.h"
#include "../blocks/text_heads.h"
#include "arch.h"

namespace tern {

namespace {

EmbeddingSizes embedding_sizes(const Config& c, int64_t hidden) {
  EmbeddingSizes sizes = EmbeddingSizes::from(c, hidden);
  sizes.types = 0;
  sizes.pad_id = sizes.zero_row = 1;  // a constant of the architecture's position rule
  sizes.positions_after_pad = true;
  return sizes;
}

std::vector<PostNormLayer> make_layers(const EncoderSizes& sizes, const Weights& w) {
  std::vector<PostNormLayer> layers;
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const Weights layer = w / "encoder" / "layer" / i;
    const Weights attn = layer / "attention" / "attn";
    layers.emplace_back(sizes, EncoderLayerWeights{
                                   .query = attn / "q",
                                   .key = attn / "k",
                                   .value = attn / "v",
                                   .attention_output = attn / "o",
                                   .attention_norm = layer / "attention" / "LayerNorm",
                                   .up = layer / "intermediate" / "dense",
                                   .down = layer / "output" / "dense",
                                   .output_norm = layer / "output" / "LayerNorm",
                               });
  }
  return layers;
}

struct MpNet final : TextBackbone {
  TextEmbeddings embeddings;
  std::vector<PostNormLayer> layers;
  RelativeBias relative_bias;

  MpNet(const Config& c, const Weights& w) : MpNet(c, EncoderSizes::from(c), w) {}
  MpNet(const Config& c, const EncoderSizes& sizes, const Weights& w)
      : embeddings(embedding_sizes(c, sizes.hidden), w / "embeddings"),
        layers(make_layers(sizes, w)) {
    const int64_t buckets = c.integer({"relative_attention_num_buckets"}, 32, 32, 65536);
    const Tensor learned =
        (w / "encoder").take("relative_attention_bias.weight", {buckets, sizes.heads});
    // 32 buckets up to a distance of 128, whatever the config says.
    relative_bias = RelativeBias(learned, {}, embeddings.sizes().positions);
    hidden = sizes.hidden;
    max_length = embeddings.sizes().max_length();
  }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_layers(ctx, layers, embeddings(ctx, batch), batch.segments, states,
                      relative_bias.table(ctx, 1));
  }
};

}  // namespace

std::vector<ModelClass> mpnet_classes() {
  const TextFamily<MpNet> mpnet{"mpnet", "MPNet", "mpnet"};
  return {
      mpnet.base(make_bare_head_with_pooler),
      mpnet.with_head("ForMaskedLM", "AutoModelForMaskedLM", make_lm_head,
                      {"lm_head.decoder", "lm_head.bias"}),
      mpnet.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                      make_dense_row_head),
      mpnet.with_head("ForTokenClassification", "AutoModelForTokenClassification", make_token_head),
      mpnet.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
      mpnet.with_head("ForMultipleChoice", "AutoModelForMultipleChoice", make_pooled_choice_head),
  };
}

}  // namespace tern
