// SPDX-License-Identifier: Apache-2.0
#include "attention_layers.h"

namespace tern {

namespace {

Linear make_output(const AttentionShape& s, const AttentionWeights& w) {
  return make_linear(w.output, s.heads * s.head_dim, s.hidden, s.bias);
}

}  // namespace

void take_unused(const AttentionShape& s, const AttentionWeights& w) {
  const int64_t inner = s.heads * s.head_dim;
  for (const Weights* part : {&w.query, &w.key, &w.value, &w.output}) {
    const bool last = part == &w.output;
    const int64_t in = last ? inner : s.hidden, out = last ? s.hidden : inner;
    part->take("weight", {out, in});
    if (s.bias) part->take("bias", {out}, Init::zeros);
  }
}

SelfAttention::SelfAttention(const AttentionShape& s, const AttentionWeights& w)
    : heads_(s.heads),
      scale_(s.scale),
      qkv_(make_fused({w.query, w.key, w.value}, s.hidden, s.heads * s.head_dim, s.bias)),
      output_(make_output(s, w)) {}

Tensor SelfAttention::encode(Context& ctx, const Tensor& x, AttentionOptions options,
                             const Tensor& residual) const {
  options.scale = scale_;
  const Tensor qkv = qkv_(ctx, x, {.matmul_input = true});  // [tokens, 3·heads·head_dim]
  const Tensor mixed = attention(ctx, part(qkv, 0), part(qkv, 1), part(qkv, 2), options);
  return output_(ctx, merge_heads(mixed), {.residual = residual});
}

Tensor SelfAttention::decode(Context& ctx, const Tensor& x, const LayerInputs& in,
                             AttentionOptions options, const Tensor& residual) const {
  options.scale = scale_;
  const Tensor qkv = qkv_(ctx, x, {.matmul_input = true});
  const Tensor mixed = in.attend(ctx, part(qkv, 0), part(qkv, 1), part(qkv, 2), options);
  return output_(ctx, merge_heads(mixed), {.residual = residual});
}

CrossAttention::CrossAttention(const AttentionShape& s, const AttentionWeights& w)
    : heads_(s.heads),
      scale_(s.scale),
      query_(make_linear(w.query, s.hidden, s.heads * s.head_dim, s.bias)),
      key_value_(make_fused({w.key, w.value}, s.hidden, s.heads * s.head_dim, s.bias)),
      output_(make_output(s, w)) {}

void CrossAttention::read(Context& ctx, const Tensor& source, Encoded& out) const {
  const Tensor both = key_value_(ctx, source, {.matmul_input = true});
  out.keys.push_back(split_heads(both, 0, 2, heads_));
  out.values.push_back(split_heads(both, 1, 2, heads_));
}

Tensor CrossAttention::operator()(Context& ctx, const Tensor& x, const TokenBatch& batch,
                                  size_t layer, const Tensor& residual) const {
  const Encoded& e = *batch.encoded;
  const Tensor q = split_heads(query_(ctx, x, {.matmul_input = true}), 0, 1, heads_);
  const Segments segments = {.sequences = batch.sources,
                             .key_mask = e.key_mask.empty() ? nullptr : e.key_mask.data()};
  const Tensor mixed =
      attention(ctx, q, e.keys[layer], e.values[layer], {.segments = segments, .scale = scale_});
  return output_(ctx, merge_heads(mixed), {.residual = residual});
}

}  // namespace tern
