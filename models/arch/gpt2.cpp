// SPDX-License-Identifier: Apache-2.0
// GPT-2 (Radford 2019): pre-norm decoder with learned positions, LayerNorm, tanh GELU; weights are
// Conv1D's, [in, out]. x is [tokens, hidden] for a whole batch.
#include <algorithm>
#include <cmath>

#include "../../engine/base/error.h"
#include "../blocks/decoder.h"
#include "../initialise.h"
#include "arch.h"

namespace tern {

namespace {

struct Sizes {
  int64_t vocab, positions, hidden, layers, heads, inner;
  Act act;
  double eps;
  bool scale_attention, scale_by_layer;
  Init residual;  // of what is added to the residual stream

  explicit Sizes(const Config& c)
      : vocab(c.integer({"vocab_size"}, 50257, 1, int64_t{1} << 31)),
        positions(c.integer({"n_positions", "max_position_embeddings"}, 1024, 1, 1 << 24)),
        hidden(c.integer({"n_embd", "hidden_size"}, 768, 1, 1 << 20)),
        layers(c.integer({"n_layer", "num_hidden_layers"}, 12, 0, 1024)),
        heads(c.integer({"n_head", "num_attention_heads"}, 12, 1, 4096)),
        inner(c.integer({"n_inner"}, 4 * hidden, 1, 1 << 24)),
        act(c.activation({"activation_function"}, "gelu_new")),
        eps(c.number({"layer_norm_epsilon"}, 1e-5, 0, 1)),
        scale_attention(c.boolean({"scale_attn_weights"}, true)),
        scale_by_layer(c.boolean({"scale_attn_by_inverse_layer_idx"}, false)),
        residual(Init::scaled(initial_deviation(c) /
                              std::sqrt(2 * static_cast<double>(std::max<int64_t>(layers, 1))))) {
    check_heads(c, hidden, heads);
    if (c.boolean({"add_cross_attention"}, false)) {
      fail(ErrorCode::unsupported, c.what() + ": add_cross_attention is not supported");
    }
  }

  float attention_scale(int64_t layer) const {
    const auto width = static_cast<float>(hidden / heads);
    const float scale = scale_attention ? 1 / std::sqrt(width) : 1;
    return scale_by_layer ? scale / static_cast<float>(layer + 1) : scale;
  }
};

struct Layer {
  int64_t heads;
  float scale;
  LayerNorm attention_norm, mlp_norm;
  Linear qkv, attention_output, up, down;
  Act act;

  Layer(const Sizes& s, int64_t index, const Weights& w)
      : heads(s.heads),
        scale(s.attention_scale(index)),
        attention_norm(make_layer_norm(w / "ln_1", s.hidden, s.eps)),
        mlp_norm(make_layer_norm(w / "ln_2", s.hidden, s.eps)),
        qkv(make_conv1d(w / "attn" / "c_attn", s.hidden, 3 * s.hidden)),
        attention_output(make_conv1d(w / "attn" / "c_proj", s.hidden, s.hidden, s.residual)),
        up(make_conv1d(w / "mlp" / "c_fc", s.hidden, s.inner)),
        down(make_conv1d(w / "mlp" / "c_proj", s.inner, s.hidden, s.residual)),
        act(s.act) {}

  Tensor operator()(Context& ctx, const Tensor& x, const LayerInputs& in) const {
    const Tensor all =
        qkv(ctx, attention_norm(ctx, x), {.matmul_input = true});  // [tokens, 3·hidden]
    const Tensor mixed =                                           // [tokens, heads, head_dim]
        in.attend(ctx, split_heads(all, 0, 3, heads), split_heads(all, 1, 3, heads),
                  split_heads(all, 2, 3, heads), {.scale = scale});
    const Tensor h = attention_output(ctx, merge_heads(mixed), {.residual = x});
    const Tensor wide = up(ctx, mlp_norm(ctx, h), {.act = act, .matmul_input = true});
    return down(ctx, wide, {.residual = h});
  }
};

struct Gpt2 final : TextBackbone {
  Embedding tokens, places;
  std::vector<Layer> layers;
  LayerNorm norm;

  Gpt2(const Config& c, const Weights& w) : Gpt2(Sizes(c), w) {}
  Gpt2(const Sizes& s, const Weights& w)
      : tokens(make_embedding(w / "wte", s.vocab, s.hidden)),
        places(make_embedding(w / "wpe", s.positions, s.hidden)) {
    for (int64_t i = 0; i < s.layers; ++i) layers.emplace_back(s, i, w / "h" / i);
    norm = make_layer_norm(w / "ln_f", s.hidden, s.eps);
    hidden = s.hidden;
    max_length = s.positions;
    token_types = true;  // rows of wte, as Transformers adds them
    causal = true;
    kv = {s.layers, s.heads, s.hidden / s.heads, w.format().narrow};
  }

  Tensor embed(Context& ctx, const TokenBatch& batch) const {
    std::vector<int64_t> own;
    const std::span<const int64_t> positions = token_positions(batch, own);
    std::vector<EmbeddingInput> inputs;
    if (!batch.inputs_embeds) inputs.push_back({tokens.table(), batch.input_ids});
    inputs.push_back({places.table(), positions});
    if (!batch.token_type_ids.empty()) inputs.push_back({tokens.table(), batch.token_type_ids});
    const Tensor x = embedding(ctx, inputs, "input_ids, position_ids or token_type_ids");
    return batch.inputs_embeds ? add(ctx, batch.inputs_embeds, x) : x;
  }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    Tensor x = embed(ctx, batch);
    const std::vector<RopeAngles> none;
    for (size_t i = 0; i < layers.size(); ++i) {
      if (states) states->push_back(x);
      x = layers[i](ctx, x, {batch.segments, none, batch.cache, static_cast<int64_t>(i)});
    }
    x = norm(ctx, x);
    if (states) states->push_back(x);
    return x;
  }
};

}  // namespace

std::vector<ModelClass> gpt2_classes() {
  const TextFamily<Gpt2> gpt2{"gpt2", "GPT2", "transformer"};
  std::vector<ModelClass> classes = {
      gpt2.base(make_bare_head),
      gpt2.with_head("LMHeadModel", "AutoModelForCausalLM", make_causal_head,
                     {.decoder = "lm_head", .embeddings = "wte"}),
      gpt2.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                     make_last_token_head),
      gpt2.with_head("ForTokenClassification", "AutoModelForTokenClassification", make_token_head),
      gpt2.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
  };
  for (ModelClass& entry : classes) entry.ignore_unexpected = {"attn.bias", "crossattention.bias"};
  return classes;
}

}  // namespace tern
