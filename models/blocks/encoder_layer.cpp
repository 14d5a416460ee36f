// SPDX-License-Identifier: Apache-2.0
#include "encoder_layer.h"

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

void require_encoder(const Config& c) {
  if (c.boolean({"is_decoder"}, false) || c.boolean({"add_cross_attention"}, false)) {
    fail(ErrorCode::unsupported,
         cat(c.what(), ": is_decoder and add_cross_attention are not supported"));
  }
  const std::string positions = c.string({"position_embedding_type"}, "absolute");
  if (positions != "absolute") {
    fail(ErrorCode::unsupported, cat(c.what(), ": position_embedding_type '", positions,
                                     "' is not supported; only absolute is"));
  }
}

}  // namespace

EncoderSizes EncoderSizes::from(const Config& c) {
  require_encoder(c);
  EncoderSizes sizes{.hidden = c.integer({"hidden_size"}, 768, 1, 65536),
                     .heads = c.integer({"num_attention_heads"}, 12, 1, 1024),
                     .layers = c.integer({"num_hidden_layers"}, 12, 0, 1024),
                     .intermediate = c.integer({"intermediate_size"}, 3072, 1, 1 << 20),
                     .act = c.activation({"hidden_act"}, "gelu"),
                     .eps = c.number({"layer_norm_eps"}, 1e-12, 0, 1)};
  sizes.check(c);
  return sizes;
}

void EncoderSizes::check(const Config& c) const {
  check_heads(c, hidden, heads);
}

PostNormLayer::PostNormLayer(const EncoderSizes& sizes, const EncoderLayerWeights& w)
    : heads_(sizes.heads),
      qkv_(make_fused({w.query, w.key, w.value}, sizes.hidden, sizes.hidden)),
      attention_output_(make_linear(w.attention_output, sizes.hidden, sizes.hidden)),
      up_(make_linear(w.up, sizes.hidden, sizes.intermediate)),
      down_(make_linear(w.down, sizes.intermediate, sizes.hidden)),
      attention_norm_(make_layer_norm(w.attention_norm, sizes.hidden, sizes.eps)),
      output_norm_(make_layer_norm(w.output_norm, sizes.hidden, sizes.eps)),
      act_(sizes.act) {}

Tensor PostNormLayer::operator()(Context& ctx, const Tensor& x, const Segments& segments,
                                 const Tensor& relative_bias) const {
  const Tensor qkv = qkv_(ctx, x, {.matmul_input = true});  // [tokens, 3·hidden]
  const Tensor mixed =                                      // [tokens, heads, head_dim]
      attention(ctx, split_heads(qkv, 0, 3, heads_), split_heads(qkv, 1, 3, heads_),
                split_heads(qkv, 2, 3, heads_),
                {.segments = segments, .relative_bias = relative_bias});
  const Tensor h =
      attention_norm_(ctx, attention_output_(ctx, merge_heads(mixed), {.residual = x}));
  const Tensor wide = up_(ctx, h, {.act = act_, .matmul_input = true});  // [tokens, intermediate]
  return output_norm_(ctx, down_(ctx, wide, {.residual = h}));
}

std::vector<PostNormLayer> bert_layers(const EncoderSizes& sizes, const Weights& w) {
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

Tensor run_layers(Context& ctx, const std::vector<PostNormLayer>& layers, Tensor x,
                  const Segments& segments, std::vector<Tensor>* states,
                  const Tensor& relative_bias) {
  if (states) states->push_back(x);
  for (const PostNormLayer& layer : layers) {
    x = layer(ctx, x, segments, relative_bias);
    if (states) states->push_back(x);
  }
  return x;
}

}  // namespace tern
