// SPDX-License-Identifier: Apache-2.0
// Attention with its projections, for architectures that write their layers themselves (T5, BART):
//   self   W_o · attention(W_q x, W_k x, W_v x) + residual
//   cross  W_o · attention(W_q x, K, V) + residual, K and V made once of an encoder's output
// x, residual and results are [tokens, hidden].
#pragma once

#include <utility>

#include "decoder.h"

namespace tern {

struct AttentionShape {
  int64_t hidden = 0, heads = 0, head_dim = 0;
  bool bias = true;
  float scale = 0;  // 0: 1/sqrt(head_dim)
};

struct AttentionWeights {
  Weights query, key, value, output;
};

/// For a class that has these parameters and never runs them: they are reported and saved, and
/// nothing is packed.
void take_unused(const AttentionShape& shape, const AttentionWeights& w);

class SelfAttention {
 public:
  SelfAttention(const AttentionShape& shape, const AttentionWeights& w);

  /// Of an encoder: every token sees every other one. options: relative_bias, segments.
  Tensor encode(Context& ctx, const Tensor& x, AttentionOptions options,
                const Tensor& residual) const;
  /// Of a decoder: a token sees those before it, in a cache too. options: relative_bias.
  Tensor decode(Context& ctx, const Tensor& x, const LayerInputs& in, AttentionOptions options,
                const Tensor& residual) const;

 private:
  Tensor part(const Tensor& qkv, int index) const { return split_heads(qkv, index, 3, heads_); }

  int64_t heads_;
  float scale_;
  Linear qkv_, output_;
};

class CrossAttention {
 public:
  CrossAttention(const AttentionShape& shape, const AttentionWeights& w);

  /// Appends this layer's keys and values of an encoder's output [source tokens, hidden].
  void read(Context& ctx, const Tensor& source, Encoded& out) const;
  /// Over the keys and values that `layer` of batch.encoded has.
  Tensor operator()(Context& ctx, const Tensor& x, const TokenBatch& batch, size_t layer,
                    const Tensor& residual) const;

 private:
  int64_t heads_;
  float scale_;
  Linear query_, key_value_, output_;
};

}  // namespace tern
