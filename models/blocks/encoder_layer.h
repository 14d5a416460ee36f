// SPDX-License-Identifier: Apache-2.0
// The post-norm transformer encoder layer of BERT and its kin (Vaswani 2017):
//   h = norm(x + W_o · attention(x));  y = norm(h + W_2 · act(W_1 · h))
// Names differ between checkpoints, so an architecture says where each weight stands.
#pragma once

#include <vector>

#include "attention_layers.h"

namespace tern {

/// The numbers of an encoder, each read once and checked.
struct EncoderSizes {
  int64_t hidden = 0, heads = 0, layers = 0, intermediate = 0;
  Act act = Act::gelu;
  double eps = 1e-12;

  /// BERT's names in config.json. Cross attention and relative positions are unsupported.
  static EncoderSizes from(const Config& c);
  /// invalid_argument when heads do not divide hidden, unsupported for a head_dim above 256.
  void check(const Config& c) const;
};

struct EncoderLayerWeights {
  Weights query, key, value, attention_output, attention_norm;
  Weights up, down, output_norm;
};

class PostNormLayer {
 public:
  PostNormLayer(const EncoderSizes& sizes, const EncoderLayerWeights& w);

  /// x, result: [tokens, hidden] f32. relative_bias as in AttentionOptions.
  Tensor operator()(Context& ctx, const Tensor& x, const Segments& segments,
                    const Tensor& relative_bias = {}) const;
  /// The same of a decoder: a token sees those before it.
  Tensor decode(Context& ctx, const Tensor& x, const LayerInputs& in) const;

 private:
  /// What follows x + W_o · attention(x).
  Tensor finish(Context& ctx, const Tensor& attended) const;

  SelfAttention attention_;
  Linear up_, down_;
  LayerNorm attention_norm_, output_norm_;
  Act act_;
};

/// x through all layers; `states`, when not null, gets x and each layer's output.
Tensor run_layers(Context& ctx, const std::vector<PostNormLayer>& layers, Tensor x,
                  const Segments& segments, std::vector<Tensor>* states,
                  const Tensor& relative_bias = {});

}  // namespace tern
