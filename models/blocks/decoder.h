// SPDX-License-Identifier: Apache-2.0
// Decoder-only language models (Llama and kin): pre-norm layers with rotary positions, grouped
// heads, RMS norms and a gated feed-forward:
//   h = x + W_o · attention(norm(x));  y = h + W_down · (act(W_gate · norm(h)) ⊙ W_up · norm(h))
// Gemma 2 and 3 also norm what is added. An architecture says in DecoderSizes what it is; names are
// those of Llama's checkpoints. x is [tokens, hidden] f32 for a whole batch.
#pragma once

#include <memory>
#include <vector>

#include "rope_parameters.h"
#include "text_heads.h"

namespace tern {

/// What all layers of an architecture share, each number read once and checked.
struct DecoderSizes {
  int64_t vocab = 0, hidden = 0, layers = 0, intermediate = 0;
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  int64_t positions = 0;
  int64_t zero_row = -1;  // of the embeddings before training: the padding's
  Act act = Act::silu;
  double eps = 1e-6;
  RMSNorm::Weight norm = RMSNorm::Weight::plain;
  double embedding_scale = 1;  // Gemma: sqrt(hidden)
  float attention_scale = 0;   // 0: 1/sqrt(head_dim)
  float softcap = 0;           // of attention scores
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool head_norms = false;                     // q and k are normed head by head (Qwen 3, Gemma 3)
  bool norms_outputs = false;                  // Gemma 2 and 3
  bool fused_weights = false;                  // qkv_proj, gate_up_proj in the checkpoint (Phi 3)
  int64_t experts = 0, experts_per_token = 0;  // Mixtral
  std::vector<RopeParameters> ropes = {};      // one, or one for each kind of layer
  struct LayerKind {
    int64_t window = 0;  // 0: all keys
    size_t rope = 0;     // index in ropes
  };
  std::vector<LayerKind> kinds = {};  // one per layer

  /// Llama's names in config.json, with the defaults of `d`; one rope, no windows.
  static DecoderSizes from(const Config& c, const DecoderSizes& defaults);
  /// The head size that must hold before ropes can be made; invalid_argument, unsupported.
  void check(const Config& c) const;
  /// All layers alike.
  void set_window(int64_t window);
  /// "layer_types" of the config, else `fallback(i)` says which layers slide: those have `window`.
  void set_layer_types(const Config& c, int64_t window, bool (*sliding)(const Config&, int64_t));
};

/// A field whose null means "none" (0) and not "the default": sliding_window, the soft caps.
double number_or_none(const Config& c, std::string_view name, double fallback);

/// What a layer reads beside x.
struct LayerInputs {
  const Segments& segments;
  const std::vector<RopeAngles>& angles;
  KvCache* cache = nullptr;
  int64_t layer = 0;

  /// Causal attention over k and v of the batch, or over the cache once they are put there.
  Tensor attend(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) const;
};

class DecoderAttention {
 public:
  DecoderAttention(const DecoderSizes& sizes, const DecoderSizes::LayerKind& kind,
                   const Weights& w);
  /// W_o · attention(x) + residual (when not empty): [tokens, hidden].
  Tensor operator()(Context& ctx, const Tensor& x, const LayerInputs& in,
                    const Tensor& residual) const;

 private:
  int64_t heads_, kv_heads_;
  AttentionOptions options_;
  size_t rope_;
  Linear qkv_, output_;
  RMSNorm query_norm_, key_norm_;
  bool head_norms_;
};

/// What follows attention in a layer.
class FeedForward {
 public:
  virtual ~FeedForward() = default;
  /// The result on x plus residual (when not empty): [tokens, hidden].
  virtual Tensor run(Context& ctx, const Tensor& x, const Tensor& residual) const = 0;
};

/// w / gate_proj, up_proj, down_proj, or gate_up_proj.
std::unique_ptr<FeedForward> make_gated_mlp(const DecoderSizes& sizes, const Weights& w);
/// Mixtral's block_sparse_moe: w / gate, experts.N.{w1, w2, w3}.
std::unique_ptr<FeedForward> make_experts(const DecoderSizes& sizes, const Weights& w);

class DecoderLayer {
 public:
  DecoderLayer(const DecoderSizes& sizes, const DecoderSizes::LayerKind& kind, const Weights& w);
  Tensor operator()(Context& ctx, const Tensor& x, const LayerInputs& in) const;

 private:
  DType narrow_;  // of what only matrix products read
  DecoderAttention attention_;
  std::unique_ptr<FeedForward> feed_forward_;
  RMSNorm input_norm_, attention_norm_, feed_forward_norm_, output_norm_;
  bool norms_outputs_;
};

/// w / embed_tokens, layers.N, norm.
class Decoder : public TextBackbone {
 public:
  Decoder(const DecoderSizes& sizes, const Weights& w);
  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override;
  int64_t cache_regime(int64_t length) const override { return ropes_.regime(length); }
  bool depends_on_length() const override { return ropes_.depends_on_length(); }

 private:
  Embedding tokens_;
  float scale_;
  LayerRopes ropes_;
  std::vector<DecoderLayer> layers_;
  RMSNorm norm_;
};

/// [tokens]: those given, else each token's place in its sequence, on the arena.
std::span<const int64_t> token_positions(const TokenBatch& batch, std::vector<int64_t>& own);

// Heads.
/// lm_head [vocab, hidden]: logits [batch, length, vocab], capped by the config's
/// final_logit_softcapping, else `softcap` (0: not at all).
std::unique_ptr<TextHead> causal_head(const HeadContext& c, double softcap,
                                      std::string_view name = "lm_head");
std::unique_ptr<TextHead> make_causal_head(const HeadContext& c);
/// The same from its parts: logits = decoder(scale · states), capped.
struct CausalHeadParts {
  Linear decoder;
  float softcap = 0, scale = 1;
};
std::unique_ptr<TextHead> causal_head(CausalHeadParts parts);
/// score [labels, hidden] on the last token that is no padding: logits [batch, labels].
std::unique_ptr<TextHead> make_last_token_head(const HeadContext& c);
/// score with bias on every token.
std::unique_ptr<TextHead> make_score_token_head(const HeadContext& c);

/// What the classes of a decoder differ in.
struct DecoderFamily {
  std::string model_type, class_prefix;  // "llama", "Llama"
  bool tied = false;                     // the default of tie_word_embeddings
  /// Where ForQuestionAnswering keeps the backbone; empty: the class does not exist.
  std::string question_prefix = {};
  HeadFactory causal = make_causal_head;
};

/// Model, ForCausalLM, ForSequenceClassification, ForTokenClassification, ForQuestionAnswering.
template <class Backbone>
std::vector<ModelClass> decoder_classes(const DecoderFamily& f) {
  const TextFamily<Backbone> family{f.model_type, f.class_prefix, "model"};
  std::vector<ModelClass> out = {
      family.base(make_bare_head),
      family.with_head("ForCausalLM", "AutoModelForCausalLM", f.causal,
                       {.decoder = "lm_head", .embeddings = "embed_tokens", .tied = f.tied}),
      family.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                       make_last_token_head),
      family.with_head("ForTokenClassification", "AutoModelForTokenClassification",
                       make_score_token_head),
  };
  if (f.question_prefix.empty()) return out;
  const TextFamily<Backbone> answers{f.model_type, f.class_prefix, f.question_prefix};
  out.push_back(
      answers.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head));
  return out;
}

}  // namespace tern
