// SPDX-License-Identifier: Apache-2.0
// T5 (Raffel 2019) and T5 1.1, Flan-T5 (gated GELU, an output layer of its own): encoder–decoder
// with RMS norms before each part, no biases, unscaled scores, and a relative position bias that
// all layers of a half share. x is [tokens, hidden] for a whole batch.
#include <algorithm>
#include <cmath>

#include "../blocks/attention_layers.h"
#include "../blocks/relative_bias.h"
#include "../blocks/seq2seq_model.h"
#include "../blocks/text_heads.h"
#include "arch.h"
#include "t5_sizes.h"

namespace tern {

namespace {

using Sizes = T5Sizes;

RMSNorm make_norm(const Sizes& s, const Weights& w) {
  return RMSNorm(w.take("weight", {s.hidden}, Init::ones), s.eps);
}

/// Scores are not scaled, so the queries are before training.
AttentionWeights attention_weights(const Sizes& s, const Weights& w) {
  const int64_t heads = s.attention.heads, head_dim = s.attention.head_dim;
  return {.query = (w / "q").with_deviation(s.deviation(s.hidden * head_dim)),
          .key = w / "k",
          .value = w / "v",
          .output = (w / "o").with_deviation(s.deviation(heads * head_dim))};
}

/// x + W_o · act(W_i · norm(x)), or with W_i0 as the gate of W_i1.
struct FeedForwardBlock {
  RMSNorm norm;
  Linear up, down;
  Act act;
  bool gated;
  DType narrow;

  FeedForwardBlock(const Sizes& s, const Weights& w)
      : norm(make_norm(s, w / "layer_norm")),
        up(make_up(s, w / "DenseReluDense")),
        down((w / "DenseReluDense" / "wo")
                 .take_matrix("weight", {s.hidden, s.inner}, Init::scaled(s.deviation(s.inner))),
             {}, down_format(w.format())),
        act(s.act),
        gated(s.gated),
        narrow(w.format().narrow) {}

  Tensor operator()(Context& ctx, const Tensor& x) const {
    const Tensor wide =  // [tokens, inner]
        up(ctx, norm(ctx, x, narrow), {.act = act, .gate = gated, .matmul_input = true});
    return down(ctx, wide, {.residual = x});
  }

 private:
  static Linear make_up(const Sizes& s, const Weights& w) {
    if (!s.gated) return make_linear(w / "wi", s.hidden, s.inner, false);
    return Linear::gate_up({.gate = (w / "wi_0").take_matrix("weight", {s.inner, s.hidden}),
                            .up = (w / "wi_1").take_matrix("weight", {s.inner, s.hidden})},
                           w.format());
  }
  /// As in Transformers, the values of this layer are too large for float16.
  static LinearFormat down_format(LinearFormat format) {
    if (format.weights == WeightFormat::f16) format.weights = WeightFormat::f32;
    return format;
  }
};

struct EncoderBlock {
  RMSNorm norm;
  SelfAttention attention;
  FeedForwardBlock feed_forward;

  EncoderBlock(const Sizes& s, const Weights& w)
      : norm(make_norm(s, w / "0" / "layer_norm")),
        attention(s.attention, attention_weights(s, w / "0" / "SelfAttention")),
        feed_forward(s, w / "1") {}

  Tensor operator()(Context& ctx, const Tensor& x, const AttentionOptions& options) const {
    return feed_forward(ctx, attention.encode(ctx, norm(ctx, x, feed_forward.narrow), options, x));
  }
};

struct DecoderBlock {
  RMSNorm norm, cross_norm;
  SelfAttention attention;
  CrossAttention cross;
  FeedForwardBlock feed_forward;

  DecoderBlock(const Sizes& s, const Weights& w)
      : norm(make_norm(s, w / "0" / "layer_norm")),
        cross_norm(make_norm(s, w / "1" / "layer_norm")),
        attention(s.attention, attention_weights(s, w / "0" / "SelfAttention")),
        cross(s.attention, attention_weights(s, w / "1" / "EncDecAttention")),
        feed_forward(s, w / "2") {}

  Tensor operator()(Context& ctx, const Tensor& x, const TokenBatch& batch, const LayerInputs& in,
                    const Tensor& bias) const {
    const DType narrow = feed_forward.narrow;
    const Tensor h = attention.decode(ctx, norm(ctx, x, narrow), in, {.relative_bias = bias}, x);
    const auto layer = static_cast<size_t>(in.layer);
    return feed_forward(ctx, cross(ctx, cross_norm(ctx, h, narrow), batch, layer, h));
  }
};

/// What both halves have: w / block.N.layer, final_layer_norm, the embeddings they share.
template <class Block>
struct Stack {
  const char* ids_name;  // for errors
  Embedding tokens;
  RelativeBias relative;
  std::vector<Block> blocks;
  RMSNorm norm;

  Stack(const Sizes& s, const Weights& root, std::string_view half, bool encoder)
      : ids_name(encoder ? "input_ids" : "decoder_input_ids"),
        tokens(take_shared(root, cat(half, ".embed_tokens"),
                           {"shared", "encoder.embed_tokens", "decoder.embed_tokens", "lm_head"},
                           {s.vocab, s.hidden}, Init::scaled(s.factor))) {
    const Weights w = (root / half / "block").with_deviation(s.deviation(s.hidden));
    DistanceBuckets buckets = s.buckets;
    buckets.both_directions = encoder;
    const int64_t count = encoder ? s.encoder_layers : s.decoder_layers;
    for (int64_t i = 0; i < count; ++i) blocks.emplace_back(s, w / i / "layer");
    norm = make_norm(s, root / half / "final_layer_norm");
    if (count == 0) return;
    constexpr int64_t kReadySpan = 512;
    const Weights first = w / "0" / "layer" / "0" / "SelfAttention";
    relative = RelativeBias(
        first.take("relative_attention_bias.weight", {buckets.buckets, s.attention.heads}), buckets,
        kReadySpan);
  }

  Tensor embed(Context& ctx, const TokenBatch& batch) const {
    if (batch.inputs_embeds) return batch.inputs_embeds;
    const EmbeddingInput input[] = {{tokens.table(), batch.input_ids}};
    return embedding(ctx, input, ids_name);
  }

  Tensor bias(Context& ctx, const Segments& segments) const {
    int64_t span = 1;
    for (const Segment& s : segments.sequences) span = std::max({span, s.queries(), s.keys()});
    return blocks.empty() ? Tensor() : relative.table(ctx, span);
  }
};

Tensor run_encoder(Context& ctx, const Stack<EncoderBlock>& stack, const TokenBatch& batch,
                   std::vector<Tensor>* states) {
  Tensor x = stack.embed(ctx, batch);
  const AttentionOptions options = {.segments = batch.segments,
                                    .relative_bias = stack.bias(ctx, batch.segments)};
  for (const EncoderBlock& block : stack.blocks) {
    if (states) states->push_back(x);
    x = block(ctx, x, options);
  }
  x = stack.norm(ctx, x);
  if (states) states->push_back(x);
  return x;
}

struct T5Encoder final : TextBackbone {
  Stack<EncoderBlock> stack;

  T5Encoder(const Config& c, const Weights& w) : T5Encoder(Sizes(c), w) {}
  T5Encoder(const Sizes& s, const Weights& w) : stack(s, w, "encoder", true) { hidden = s.hidden; }
  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_encoder(ctx, stack, batch, states);
  }
};

struct T5 final : Seq2SeqBackbone {
  Stack<EncoderBlock> encoder;
  Stack<DecoderBlock> decoder;

  T5(const Config& c, const Weights& w) : T5(Sizes(c), w) {}
  T5(const Sizes& s, const Weights& w)
      : encoder(s, w, "encoder", true), decoder(s, w, "decoder", false) {
    hidden = s.hidden;
    kv = {s.decoder_layers, s.attention.heads, s.attention.head_dim, w.format().narrow};
  }

  Tensor encode(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_encoder(ctx, encoder, batch, states);
  }
  void read_source(Context& ctx, const Tensor& source, Encoded& out) const override {
    for (const DecoderBlock& block : decoder.blocks) block.cross.read(ctx, source, out);
  }
  Tensor decode(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    Tensor x = decoder.embed(ctx, batch);
    const Tensor bias = decoder.bias(ctx, batch.segments);
    const std::vector<RopeAngles> none;
    LayerInputs in = {batch.segments, none, batch.cache};
    for (const DecoderBlock& block : decoder.blocks) {
      if (states) states->push_back(x);
      x = block(ctx, x, batch, in, bias);
      ++in.layer;
    }
    x = decoder.norm(ctx, x);
    if (states) states->push_back(x);
    return x;
  }
};

/// lm_head, else the shared embeddings. Until 1.1, whose configs say tie_word_embeddings false (or
/// scale_decoder_outputs), states are scaled before it. With tie_word_embeddings false an lm_head
/// that is there is another parameter.
std::unique_ptr<TextHead> language_head(const HeadContext& c) {
  const Sizes s(c.config);
  const Shape shape = {s.vocab, s.hidden};
  const Weights own = c.root / "lm_head";
  const bool apart = !c.config.boolean({"tie_word_embeddings"}, true) && own.has("weight");
  const Tensor table =
      apart ? own.take("weight", shape)
            : take_shared(c.root, "lm_head",
                          {"shared", "encoder.embed_tokens", "decoder.embed_tokens", "lm_head"},
                          shape, Init::scaled(s.factor));
  const bool scales = c.config.boolean({"scale_decoder_outputs", "tie_word_embeddings"}, true);
  const double width = static_cast<double>(s.hidden);
  return causal_head({.decoder = Linear(table, {}, c.root.format()),
                      .scale = scales ? static_cast<float>(1 / std::sqrt(width)) : 1});
}

HeadContext scaled(const HeadContext& c) {
  return {c.config, c.root.with_deviation(Sizes(c.config).deviation(c.hidden)), c.base, c.hidden};
}

std::unique_ptr<TextHead> row_head(const HeadContext& c) {
  return make_last_eos_head(scaled(c));
}

std::unique_ptr<TextHead> question_head(const HeadContext& c) {
  return make_span_head(scaled(c));
}

}  // namespace

std::vector<ModelClass> t5_classes() {
  const Seq2SeqFamily<T5> t5{"t5", "T5", "transformer", {{"pad_token_id", 0}, {"eos_token_id", 1}}};
  const TextFamily<T5Encoder> encoder{"t5", "T5", "transformer"};
  std::vector<ModelClass> classes = {
      t5.entry({.suffix = "Model", .task = "AutoModel", .head = make_bare_head}),
      t5.entry({.suffix = "ForConditionalGeneration",
                .task = "AutoModelForSeq2SeqLM",
                .head = language_head}),
      t5.entry({.suffix = "ForSequenceClassification",
                .task = "AutoModelForSequenceClassification",
                .head = row_head,
                .scope = "transformer",
                .shifts_inputs = true}),
      t5.entry({.suffix = "ForQuestionAnswering",
                .task = "AutoModelForQuestionAnswering",
                .head = question_head,
                .shifts_inputs = true}),
      encoder.with_head("ForTokenClassification", "AutoModelForTokenClassification",
                        make_token_head),
  };
  ModelClass bare = encoder.base(make_bare_head);
  bare.name = "T5EncoderModel";
  bare.task = "AutoModelForTextEncoding";
  bare.ignore_unexpected = {"decoder"};
  classes.push_back(std::move(bare));
  for (ModelClass& entry : classes) {
    entry.keep_in_f32 = {"wo"};
    entry.ignore_unexpected.push_back(
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight");
  }
  return classes;
}

}  // namespace tern
