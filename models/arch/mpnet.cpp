// SPDX-License-Identifier: Apache-2.0
// MPNet (Song 2020): BERT's encoder with a learned bias per head and distance bucket added to the
// attention scores of every layer; positions start behind the padding id; no token types.
#include <cmath>

#include "../blocks/encoder_layer.h"
#include "../blocks/text_embeddings.h"
#include "../blocks/text_heads.h"
#include "arch.h"

namespace tern {

namespace {

/// T5's logarithmic buckets, both directions: 16 each way, 8 of them exact, the last from 128 on.
/// `distance` = key position - query position. Single precision, as the model was trained.
int64_t distance_bucket(int64_t distance) {
  constexpr int64_t kBuckets = 16, kExact = 8;
  constexpr float kFarthest = 128;
  const int64_t side = distance > 0 ? kBuckets : 0;
  const int64_t n = std::abs(distance);
  if (n < kExact) return side + n;
  const float scale = std::log(static_cast<float>(n) / kExact) / std::log(kFarthest / kExact);
  const auto bucket = kExact + static_cast<int64_t>(scale * (kBuckets - kExact));
  return side + std::min(bucket, kBuckets - 1);
}

/// [heads, 2·span - 1]: entry (h, span - 1 + d) for distance d, see AttentionOptions.
Tensor relative_bias_table(const Tensor& buckets, int64_t heads, int64_t span) {
  Tensor table = Tensor::empty(DType::f32, {heads, 2 * span - 1});
  const Tensor values = to_f32(buckets);  // [buckets, heads]
  for (int64_t d = 1 - span; d < span; ++d) {
    const float* row = values.data<float>() + distance_bucket(d) * heads;
    for (int64_t h = 0; h < heads; ++h)
      table.data<float>()[h * (2 * span - 1) + span - 1 + d] = row[h];
  }
  return table;
}

EmbeddingSizes embedding_sizes(const Config& c, int64_t hidden) {
  EmbeddingSizes sizes = EmbeddingSizes::from(c, hidden);
  sizes.types = 0;
  sizes.pad_id = 1;  // a constant of the architecture's position rule
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
  Tensor relative_bias;  // [heads, 2·positions - 1]

  MpNet(const Config& c, const Weights& w) : MpNet(c, EncoderSizes::from(c), w) {}
  MpNet(const Config& c, const EncoderSizes& sizes, const Weights& w)
      : embeddings(embedding_sizes(c, sizes.hidden), w / "embeddings"),
        layers(make_layers(sizes, w)) {
    const int64_t buckets = c.integer({"relative_attention_num_buckets"}, 32, 32, 65536);
    const Tensor learned =
        (w / "encoder").take("relative_attention_bias.weight", {buckets, sizes.heads});
    relative_bias = relative_bias_table(learned, sizes.heads, embeddings.sizes().positions);
    hidden = sizes.hidden;
    max_length = embeddings.sizes().max_length();
  }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_layers(ctx, layers, embeddings(ctx, batch), batch.segments, states, relative_bias);
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
