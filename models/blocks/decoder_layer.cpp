// SPDX-License-Identifier: Apache-2.0
// One layer of a decoder; see decoder.h.
#include "decoder.h"

namespace tern {

namespace {

/// [q; k; v] as one matrix, from three weights or from Phi 3's single one.
Linear make_qkv(const DecoderSizes& s, const Weights& w) {
  const int64_t q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  if (s.fused_weights) return make_linear(w / "qkv_proj", s.hidden, q + 2 * kv, s.qkv_bias);
  std::vector<Tensor> weights, biases;
  for (const auto& [name, rows] : {std::pair{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}}) {
    weights.push_back((w / name).take_matrix("weight", {rows, s.hidden}));
    biases.push_back(s.qkv_bias ? (w / name).take("bias", {rows}, Init::zeros) : Tensor());
  }
  return Linear(weights, biases, w.format());
}

RMSNorm make_norm(const DecoderSizes& s, const Weights& w, int64_t features) {
  const Init init = s.norm == RMSNorm::Weight::plain ? Init::ones : Init::zeros;
  return RMSNorm(w.take("weight", {features}, init), s.eps, s.norm);
}

struct GatedMlp final : FeedForward {
  Linear gate_up, down;
  Act act;

  GatedMlp(const DecoderSizes& s, const Weights& w)
      : gate_up(weave(s, w)),
        down(make_linear(w / "down_proj", s.intermediate, s.hidden, s.mlp_bias)),
        act(s.act) {}

  Tensor run(Context& ctx, const Tensor& x, const Tensor& residual) const override {
    const Tensor wide = gate_up(ctx, x, {.act = act, .gate = true, .matmul_input = true});
    return down(ctx, wide, {.residual = residual});
  }

 private:
  static Linear weave(const DecoderSizes& s, const Weights& w) {
    const int64_t n = s.intermediate;
    if (s.fused_weights) {
      const Tensor both = (w / "gate_up_proj").take_matrix("weight", {2 * n, s.hidden});
      return Linear::gate_up({.gate = both.slice(0, 0, n), .up = both.slice(0, n, 2 * n)},
                             w.format());
    }
    const Weights gate = w / "gate_proj", up = w / "up_proj";
    Linear::GateUp parts = {.gate = gate.take_matrix("weight", {n, s.hidden}),
                            .up = up.take_matrix("weight", {n, s.hidden})};
    if (s.mlp_bias) {
      parts.gate_bias = gate.take("bias", {n}, Init::zeros);
      parts.up_bias = up.take("bias", {n}, Init::zeros);
    }
    return Linear::gate_up(parts, w.format());
  }
};

}  // namespace

std::unique_ptr<FeedForward> make_gated_mlp(const DecoderSizes& sizes, const Weights& w) {
  return std::make_unique<GatedMlp>(sizes, w);
}

Tensor LayerInputs::attend(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                           const AttentionOptions& options) const {
  AttentionOptions own = options;
  own.segments = segments;
  own.causal = true;
  if (!cache) return attention(ctx, q, k, v, own);
  const KvCache::Layer kept = cache->put(ctx, layer, segments, k, v);
  own.segments.sequences = kept.sequences;
  return attention(ctx, q, kept.keys, kept.values, own);
}

DecoderAttention::DecoderAttention(const DecoderSizes& s, const DecoderSizes::LayerKind& kind,
                                   const Weights& w)
    : heads_(s.heads),
      kv_heads_(s.kv_heads),
      options_({.scale = s.attention_scale, .softcap = s.softcap, .window = kind.window}),
      rope_(kind.rope),
      qkv_(make_qkv(s, w)),
      output_(make_linear(w / "o_proj", s.heads * s.head_dim, s.hidden, s.output_bias)),
      head_norms_(s.head_norms) {
  if (!head_norms_) return;
  query_norm_ = make_norm(s, w / "q_norm", s.head_dim);
  key_norm_ = make_norm(s, w / "k_norm", s.head_dim);
}

Tensor DecoderAttention::operator()(Context& ctx, const Tensor& x, const LayerInputs& in,
                                    const Tensor& residual) const {
  const Tensor qkv =
      qkv_(ctx, x, {.matmul_input = true});  // [tokens, (heads + 2·kv_heads)·head_dim]
  const Tensor all =
      qkv.split(1, heads_ + 2 * kv_heads_);  // [tokens, heads + 2·kv_heads, head_dim]
  Tensor q = all.slice(1, 0, heads_), k = all.slice(1, heads_, heads_ + kv_heads_);
  const Tensor v = all.slice(1, heads_ + kv_heads_, heads_ + 2 * kv_heads_);
  if (head_norms_) {
    q = query_norm_(ctx, q);
    k = key_norm_(ctx, k);
  }
  rope(ctx, q, in.angles[rope_]);
  rope(ctx, k, in.angles[rope_]);
  const Tensor mixed = in.attend(ctx, q, k, v, options_);  // [tokens, heads, head_dim]
  return output_(ctx, merge_heads(mixed), {.residual = residual});
}

DecoderLayer::DecoderLayer(const DecoderSizes& s, const DecoderSizes::LayerKind& kind,
                           const Weights& w)
    : narrow_(w.format().narrow),
      attention_(s, kind, w / "self_attn"),
      feed_forward_(s.experts > 0 ? make_experts(s, w / "block_sparse_moe")
                                  : make_gated_mlp(s, w / "mlp")),
      input_norm_(make_norm(s, w / "input_layernorm", s.hidden)),
      norms_outputs_(s.norms_outputs) {
  const Weights after_attention = w / "post_attention_layernorm";
  if (!norms_outputs_) {
    feed_forward_norm_ = make_norm(s, after_attention, s.hidden);
    return;
  }
  attention_norm_ = make_norm(s, after_attention, s.hidden);
  feed_forward_norm_ = make_norm(s, w / "pre_feedforward_layernorm", s.hidden);
  output_norm_ = make_norm(s, w / "post_feedforward_layernorm", s.hidden);
}

Tensor DecoderLayer::operator()(Context& ctx, const Tensor& x, const LayerInputs& in) const {
  const Tensor normed = input_norm_(ctx, x, narrow_);
  if (!norms_outputs_) {
    const Tensor h = attention_(ctx, normed, in, x);
    return feed_forward_->run(ctx, feed_forward_norm_(ctx, h, narrow_), h);
  }
  const Tensor h = add(ctx, x, attention_norm_(ctx, attention_(ctx, normed, in, {})));
  const Tensor y = feed_forward_->run(ctx, feed_forward_norm_(ctx, h, narrow_), {});
  return add(ctx, h, output_norm_(ctx, y));
}

}  // namespace tern
