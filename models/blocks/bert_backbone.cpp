// SPDX-License-Identifier: Apache-2.0
#include "bert_backbone.h"

namespace tern {

namespace {

std::vector<PostNormLayer> make_layers(const EncoderSizes& sizes, const Weights& w) {
  std::vector<PostNormLayer> layers;
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const Weights layer = w / "encoder" / "layer" / i;
    const Weights self = layer / "attention" / "self";
    layers.emplace_back(sizes, EncoderLayerWeights{
                                   .query = self / "query",
                                   .key = self / "key",
                                   .value = self / "value",
                                   .attention_output = layer / "attention" / "output" / "dense",
                                   .attention_norm = layer / "attention" / "output" / "LayerNorm",
                                   .up = layer / "intermediate" / "dense",
                                   .down = layer / "output" / "dense",
                                   .output_norm = layer / "output" / "LayerNorm",
                               });
  }
  return layers;
}

}  // namespace

BertBackbone::BertBackbone(const Config& c, const Weights& w,
                           EmbeddingSizes (*embeddings)(const Config&, int64_t hidden))
    : BertBackbone(EncoderSizes::from(c), embeddings(c, EncoderSizes::from(c).hidden), w) {
  causal = c.boolean({"is_decoder"}, false);
}

BertBackbone::BertBackbone(const EncoderSizes& sizes, const EmbeddingSizes& embeddings,
                           const Weights& w)
    : embeddings_(embeddings, w / "embeddings"), layers_(make_layers(sizes, w)) {
  hidden = sizes.hidden;
  max_length = embeddings.max_length();
  token_types = true;
  kv = {sizes.layers, sizes.heads, sizes.hidden / sizes.heads, w.format().narrow};
}

Tensor BertBackbone::run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const {
  Tensor x = embeddings_(ctx, batch);
  if (!causal) return run_layers(ctx, layers_, x, batch.segments, states);
  if (states) states->push_back(x);
  const std::vector<RopeAngles> none;
  LayerInputs in = {batch.segments, none, batch.cache};
  for (const PostNormLayer& layer : layers_) {
    x = layer.decode(ctx, x, in);
    ++in.layer;
    if (states) states->push_back(x);
  }
  return x;
}

}  // namespace tern
