// SPDX-License-Identifier: Apache-2.0
#include "encoder_layer.h"

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

void require_supported(const Config& c) {
  if (c.boolean({"add_cross_attention"}, false)) {
    fail(ErrorCode::unsupported, c.what() + ": add_cross_attention is not supported");
  }
  const std::string positions = c.string({"position_embedding_type"}, "absolute");
  if (positions != "absolute") {
    fail(ErrorCode::unsupported, cat(c.what(), ": position_embedding_type '", positions,
                                     "' is not supported; only absolute is"));
  }
}

}  // namespace

EncoderSizes EncoderSizes::from(const Config& c) {
  require_supported(c);
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
    : attention_(
          {.hidden = sizes.hidden, .heads = sizes.heads, .head_dim = sizes.hidden / sizes.heads},
          {.query = w.query, .key = w.key, .value = w.value, .output = w.attention_output}),
      up_(make_linear(w.up, sizes.hidden, sizes.intermediate)),
      down_(make_linear(w.down, sizes.intermediate, sizes.hidden)),
      attention_norm_(make_layer_norm(w.attention_norm, sizes.hidden, sizes.eps)),
      output_norm_(make_layer_norm(w.output_norm, sizes.hidden, sizes.eps)),
      act_(sizes.act) {}

Tensor PostNormLayer::operator()(Context& ctx, const Tensor& x, const Segments& segments,
                                 const Tensor& relative_bias) const {
  return finish(
      ctx, attention_.encode(ctx, x, {.segments = segments, .relative_bias = relative_bias}, x));
}

Tensor PostNormLayer::decode(Context& ctx, const Tensor& x, const LayerInputs& in) const {
  return finish(ctx, attention_.decode(ctx, x, in, {}, x));
}

Tensor PostNormLayer::finish(Context& ctx, const Tensor& attended) const {
  const Tensor h = attention_norm_(ctx, attended);
  const Tensor wide = up_(ctx, h, {.act = act_, .matmul_input = true});  // [tokens, intermediate]
  return output_norm_(ctx, down_(ctx, wide, {.residual = h}));
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
