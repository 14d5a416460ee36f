// SPDX-License-Identifier: Apache-2.0
// GPT-NeoX and Pythia (Black 2022): pre-norm decoder with LayerNorm; a part of each head is turned
// by position; attention and feed-forward both read the layer's input:
//   y = x + attention(norm_1(x)) + mlp(norm_2(x))
// q, k, v of a head stand together in one weight. x is [tokens, hidden] for a whole batch.
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

struct Sizes {
  int64_t vocab, positions, hidden, layers, heads, inner;
  Act act;
  double eps;
  bool parallel, bias;
  RopeParameters rope;

  explicit Sizes(const Config& c)
      : vocab(c.integer({"vocab_size"}, 50432, 1, int64_t{1} << 31)),
        positions(c.integer({"max_position_embeddings"}, 2048, 1, int64_t{1} << 40)),
        hidden(c.integer({"hidden_size"}, 6144, 1, 1 << 20)),
        layers(c.integer({"num_hidden_layers"}, 44, 0, 1024)),
        heads(c.integer({"num_attention_heads"}, 64, 1, 4096)),
        inner(c.integer({"intermediate_size"}, 24576, 1, 1 << 24)),
        act(c.activation({"hidden_act"}, "gelu")),
        eps(c.number({"layer_norm_eps"}, 1e-5, 0, 1)),
        parallel(c.boolean({"use_parallel_residual"}, true)),
        bias(c.boolean({"attention_bias"}, true)) {
    check_heads(c, hidden, heads);
    rope = RopeParameters(c, {.head_dim = hidden / heads,
                              .theta_name = "rotary_emb_base",
                              .partial_rotary_factor = 0.25,
                              .factor_name = "rotary_pct"});
  }
};

struct Layer {
  int64_t heads;
  bool parallel;
  LayerNorm attention_norm, mlp_norm;
  Linear qkv, attention_output, up, down;
  Act act;

  Layer(const Sizes& s, const Weights& w)
      : heads(s.heads),
        parallel(s.parallel),
        attention_norm(make_layer_norm(w / "input_layernorm", s.hidden, s.eps)),
        mlp_norm(make_layer_norm(w / "post_attention_layernorm", s.hidden, s.eps)),
        qkv(make_linear(w / "attention" / "query_key_value", s.hidden, 3 * s.hidden, s.bias)),
        attention_output(make_linear(w / "attention" / "dense", s.hidden, s.hidden, s.bias)),
        up(make_linear(w / "mlp" / "dense_h_to_4h", s.hidden, s.inner)),
        down(make_linear(w / "mlp" / "dense_4h_to_h", s.inner, s.hidden)),
        act(s.act) {}

  Tensor operator()(Context& ctx, const Tensor& x, const LayerInputs& in) const {
    const Tensor all =  // [tokens, heads, 3·head_dim]
        qkv(ctx, attention_norm(ctx, x), {.matmul_input = true}).split(1, heads);
    const int64_t d = all.dim(2) / 3;
    const Tensor q = rope(ctx, all.slice(2, 0, d), in.angles[0]);
    const Tensor k = rope(ctx, all.slice(2, d, 2 * d), in.angles[0]);
    const Tensor mixed =
        in.attend(ctx, q, k, all.slice(2, 2 * d, 3 * d), {});  // [tokens, heads, head_dim]
    const Tensor h = attention_output(ctx, merge_heads(mixed), {.residual = x});
    const Tensor wide =
        up(ctx, mlp_norm(ctx, parallel ? x : h), {.act = act, .matmul_input = true});
    return down(ctx, wide, {.residual = h});
  }
};

struct GptNeoX final : TextBackbone {
  Embedding tokens;
  LayerRopes ropes;
  std::vector<Layer> layers;
  LayerNorm norm;

  GptNeoX(const Config& c, const Weights& w) : GptNeoX(Sizes(c), w) {}
  GptNeoX(const Sizes& s, const Weights& w)
      : tokens(make_embedding(w / "embed_in", s.vocab, s.hidden)),
        ropes({s.rope}, w.format().narrow) {
    for (int64_t i = 0; i < s.layers; ++i) layers.emplace_back(s, w / "layers" / i);
    norm = make_layer_norm(w / "final_layer_norm", s.hidden, s.eps);
    hidden = s.hidden;
    max_length = s.positions;
    causal = true;
    kv = {s.layers, s.heads, s.hidden / s.heads, w.format().narrow};
  }

  int64_t cache_regime(int64_t length) const override { return ropes.regime(length); }
  bool depends_on_length() const override { return ropes.depends_on_length(); }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    const EmbeddingInput input[] = {{tokens.table(), batch.input_ids}};
    Tensor x = batch.inputs_embeds ? batch.inputs_embeds : embedding(ctx, input, "input_ids");
    std::vector<int64_t> own;
    const std::vector<RopeAngles> angles =
        ropes.angles(ctx, token_positions(batch, own), batch.rope_length);
    for (size_t i = 0; i < layers.size(); ++i) {
      if (states) states->push_back(x);
      x = layers[i](ctx, x, {batch.segments, angles, batch.cache, static_cast<int64_t>(i)});
    }
    x = norm(ctx, x);
    if (states) states->push_back(x);
    return x;
  }
};

std::unique_ptr<TextHead> embed_out_head(const HeadContext& c) {
  return causal_head(c, 0, "embed_out");
}

}  // namespace

std::vector<ModelClass> gpt_neox_classes() {
  const TextFamily<GptNeoX> neox{"gpt_neox", "GPTNeoX", "gpt_neox"};
  std::vector<ModelClass> classes = {
      neox.base(make_bare_head),
      neox.with_head("ForCausalLM", "AutoModelForCausalLM", embed_out_head,
                     {.decoder = "embed_out", .embeddings = "embed_in", .tied = false}),
      neox.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                     make_last_token_head),
      neox.with_head("ForTokenClassification", "AutoModelForTokenClassification", make_token_head),
      neox.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
  };
  for (ModelClass& entry : classes) {
    entry.ignore_unexpected = {"attention.bias", "attention.masked_bias"};
  }
  return classes;
}

}  // namespace tern
