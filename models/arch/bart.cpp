// SPDX-License-Identifier: Apache-2.0
// BART (Lewis 2019): encoder–decoder of post-norm layers, learned positions that stand two rows
// further in their table, a norm after the embeddings. x is [tokens, hidden] for a whole batch.
#include <cmath>
#include <optional>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../blocks/attention_layers.h"
#include "../blocks/encoder_layer.h"
#include "../blocks/seq2seq_model.h"
#include "../blocks/text_heads.h"
#include "../initialise.h"
#include "arch.h"

namespace tern {

namespace {

constexpr double kEps = 1e-5;  // of all norms

struct Sizes {
  int64_t vocab, positions;
  int64_t zero_row;  // of the embeddings before training: the padding's
  EncoderSizes encoder, decoder;
  float embedding_scale;

  explicit Sizes(const Config& c)
      : vocab(c.integer({"vocab_size"}, 50265, 1, int64_t{1} << 31)),
        positions(c.integer({"max_position_embeddings"}, 1024, 1, 1 << 24)),
        zero_row(padding_row(c, "pad_token_id", 1, vocab)),
        encoder(half(c, "encoder_")),
        decoder(half(c, "decoder_")) {
    const auto width = static_cast<float>(encoder.hidden);
    embedding_scale = c.boolean({"scale_embedding"}, false) ? std::sqrt(width) : 1;
  }

 private:
  static EncoderSizes half(const Config& c, const std::string& prefix) {
    const std::string heads = prefix + "attention_heads", layers = prefix + "layers",
                      inner = prefix + "ffn_dim";
    EncoderSizes sizes{.hidden = c.integer({"d_model", "hidden_size"}, 1024, 1, 65536),
                       .heads = c.integer({heads}, 16, 1, 1024),
                       .layers = c.integer({layers}, 12, 0, 1024),
                       .intermediate = c.integer({inner}, 4096, 1, 1 << 20),
                       .act = c.activation({"activation_function"}, "gelu"),
                       .eps = kEps};
    sizes.check(c);
    return sizes;
  }
};

AttentionShape attention_shape(const EncoderSizes& s) {
  return {.hidden = s.hidden, .heads = s.heads, .head_dim = s.hidden / s.heads};
}

AttentionWeights attention_weights(const Weights& w) {
  return {
      .query = w / "q_proj", .key = w / "k_proj", .value = w / "v_proj", .output = w / "out_proj"};
}

/// norm(scale · word + position); w / embed_positions, layernorm_embedding.
struct Embeddings {
  static constexpr int64_t kOffset = 2;

  const char* ids_name;  // for errors
  Embedding words, places;
  LayerNorm norm;
  float scale;

  /// `name`: what the class calls the table.
  Embeddings(const Sizes& s, const Weights& base, const std::string& half, std::string_view name)
      : ids_name(half == "encoder" ? "input_ids" : "decoder_input_ids"),
        words(take_shared(base, half + ".embed_tokens",
                          {name, "shared", "encoder.embed_tokens", "decoder.embed_tokens"},
                          {s.vocab, s.encoder.hidden}, Init::padded(s.zero_row))),
        places(make_embedding(base / half / "embed_positions", s.positions + kOffset,
                              s.encoder.hidden)),
        norm(make_layer_norm(base / half / "layernorm_embedding", s.encoder.hidden, kEps)),
        scale(s.embedding_scale) {}

  Tensor operator()(Context& ctx, const TokenBatch& batch) const {
    const Tensor rows = place_rows(ctx, batch);
    const EmbeddingInput word[] = {{words.table(), batch.input_ids}};
    const EmbeddingInput place[] = {
        {places.table(), {rows.data<int64_t>(), static_cast<size_t>(rows.numel())}}};
    Tensor x = batch.inputs_embeds;
    if (!x) {
      x = embedding(ctx, word, ids_name);
      if (scale != 1) x = tern::scale(ctx, x, scale);
    }
    return norm(ctx, add(ctx, x, embedding(ctx, place, "positions")));
  }

 private:
  /// [tokens] rows of the table of positions.
  Tensor place_rows(Context& ctx, const TokenBatch& batch) const {
    Tensor rows = ctx.arena().tensor(DType::i64, {batch.segments.tokens()});
    int64_t* const row = rows.data<int64_t>();
    const bool given = !batch.position_ids.empty();
    for (const Segment& s : batch.segments.sequences) {
      for (int64_t i = s.begin; i < s.end; ++i) {
        const int64_t position =
            given ? batch.position_ids[static_cast<size_t>(i)] : s.position() + i - s.begin;
        const int64_t count = places.entries() - kOffset;
        if (position < 0 || position >= count) {
          fail(ErrorCode::invalid_argument,
               cat(ids_name, ": a token stands at position ", position, ", but this model has ",
                   count, ": truncate the sequence"));
        }
        row[i] = position + kOffset;
      }
    }
    return rows;
  }
};

PostNormLayer encoder_layer(const EncoderSizes& s, const Weights& w) {
  const AttentionWeights self = attention_weights(w / "self_attn");
  return PostNormLayer(s, {.query = self.query,
                           .key = self.key,
                           .value = self.value,
                           .attention_output = self.output,
                           .attention_norm = w / "self_attn_layer_norm",
                           .up = w / "fc1",
                           .down = w / "fc2",
                           .output_norm = w / "final_layer_norm"});
}

struct DecoderLayer {
  SelfAttention attention;
  std::optional<CrossAttention> cross;  // of a decoder that an encoder's output is given to
  Linear up, down;
  LayerNorm attention_norm, cross_norm, output_norm;
  Act act;

  DecoderLayer(const EncoderSizes& s, const Weights& w, bool reads_encoder)
      : attention(attention_shape(s), attention_weights(w / "self_attn")),
        up(make_linear(w / "fc1", s.hidden, s.intermediate)),
        down(make_linear(w / "fc2", s.intermediate, s.hidden)),
        attention_norm(make_layer_norm(w / "self_attn_layer_norm", s.hidden, s.eps)),
        cross_norm(make_layer_norm(w / "encoder_attn_layer_norm", s.hidden, s.eps)),
        output_norm(make_layer_norm(w / "final_layer_norm", s.hidden, s.eps)),
        act(s.act) {
    const AttentionWeights attended = attention_weights(w / "encoder_attn");
    if (reads_encoder) {
      cross.emplace(attention_shape(s), attended);
    } else {
      take_unused(attention_shape(s), attended);
    }
  }

  Tensor operator()(Context& ctx, const Tensor& x, const TokenBatch& batch,
                    const LayerInputs& in) const {
    Tensor h = attention_norm(ctx, attention.decode(ctx, x, in, {}, x));
    if (cross) {
      h = cross_norm(ctx, (*cross)(ctx, h, batch, static_cast<size_t>(in.layer), h));
    }
    const Tensor wide = up(ctx, h, {.act = act, .matmul_input = true});  // [tokens, intermediate]
    return output_norm(ctx, down(ctx, wide, {.residual = h}));
  }
};

/// base / decoder. One that does not read an encoder's output is a decoder-only model.
struct Decoder {
  Embeddings embeddings;
  std::vector<DecoderLayer> layers;
  KvShape kv;

  Decoder(const Sizes& s, const Weights& base, std::string_view table, bool reads_encoder)
      : embeddings(s, base, "decoder", table),
        kv({s.decoder.layers, s.decoder.heads, s.decoder.hidden / s.decoder.heads,
            base.format().narrow}) {
    for (int64_t i = 0; i < s.decoder.layers; ++i)
      layers.emplace_back(s.decoder, base / "decoder" / "layers" / i, reads_encoder);
  }

  Tensor operator()(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const {
    Tensor x = embeddings(ctx, batch);
    if (states) states->push_back(x);
    const std::vector<RopeAngles> none;
    LayerInputs in = {batch.segments, none, batch.cache};
    for (const DecoderLayer& layer : layers) {
      x = layer(ctx, x, batch, in);
      ++in.layer;
      if (states) states->push_back(x);
    }
    return x;
  }
};

struct Bart final : Seq2SeqBackbone {
  Embeddings embeddings;
  std::vector<PostNormLayer> layers;
  Decoder decoder;

  Bart(const Config& c, const Weights& w) : Bart(Sizes(c), w) {}
  Bart(const Sizes& s, const Weights& w)
      : embeddings(s, w, "encoder", "shared"), decoder(s, w, "shared", true) {
    for (int64_t i = 0; i < s.encoder.layers; ++i)
      layers.push_back(encoder_layer(s.encoder, w / "encoder" / "layers" / i));
    hidden = s.encoder.hidden;
    max_length = s.positions;
    kv = decoder.kv;
  }

  Tensor encode(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_layers(ctx, layers, embeddings(ctx, batch), batch.segments, states);
  }
  void read_source(Context& ctx, const Tensor& source, Encoded& out) const override {
    for (const DecoderLayer& layer : decoder.layers) layer.cross->read(ctx, source, out);
  }
  Tensor decode(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return decoder(ctx, batch, states);
  }
};

struct BartDecoder final : TextBackbone {
  Decoder decoder;

  BartDecoder(const Config& c, const Weights& w) : BartDecoder(Sizes(c), w) {}
  BartDecoder(const Sizes& s, const Weights& w) : decoder(s, w, "decoder.embed_tokens", false) {
    hidden = s.decoder.hidden;
    max_length = s.positions;
    causal = true;
    positions_count_padding = true;
    kv = decoder.kv;
  }
  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return decoder(ctx, batch, states);
  }
};

/// lm_head, tied to the embeddings unless the config says otherwise.
Tensor output_table(const HeadContext& c, std::string_view embeddings) {
  const Sizes s(c.config);
  const Shape shape = {s.vocab, c.hidden};
  if (!c.config.boolean({"tie_word_embeddings"}, true)) {
    return (c.root / "lm_head").take("weight", shape);
  }
  return take_shared(
      c.root, "lm_head",
      {embeddings, "model.shared", "model.encoder.embed_tokens", "model.decoder.embed_tokens"},
      shape, Init::padded(s.zero_row));
}

/// With the bias of all logits that the checkpoint may have.
std::unique_ptr<TextHead> generation_head(const HeadContext& c) {
  const Tensor table = output_table(c, "model.shared");
  Tensor bias = c.root.take_optional("final_logits_bias", {1, table.dim(0)});
  if (bias) bias = bias.reshape({table.dim(0)});
  return causal_head({.decoder = Linear(table, bias, c.root.format())});
}

std::unique_ptr<TextHead> decoder_head(const HeadContext& c) {
  return causal_head(
      {.decoder = Linear(output_table(c, "model.decoder.embed_tokens"), {}, c.root.format())});
}

std::unique_ptr<TextHead> question_head(const HeadContext& c) {
  return span_head(make_linear(c.root / "qa_outputs", c.hidden, 2));
}

}  // namespace

std::vector<ModelClass> bart_classes() {
  const Seq2SeqFamily<Bart> bart{
      "bart",
      "Bart",
      "model",
      {{"pad_token_id", 1}, {"eos_token_id", 2}, {"decoder_start_token_id", 2}, {"num_labels", 3}}};
  const TextFamily<BartDecoder> decoder{"bart", "Bart", "model"};
  std::vector<ModelClass> classes = {
      bart.entry(
          {.suffix = "Model", .task = "AutoModel", .head = make_bare_head, .shifts_inputs = true}),
      bart.entry({.suffix = "ForConditionalGeneration",
                  .task = "AutoModelForSeq2SeqLM",
                  .head = generation_head,
                  .scope = "model",
                  .shifts_inputs = true}),
      bart.entry({.suffix = "ForSequenceClassification",
                  .task = "AutoModelForSequenceClassification",
                  .head = make_last_eos_head,
                  .scope = "model",
                  .shifts_inputs = true}),
      bart.entry({.suffix = "ForQuestionAnswering",
                  .task = "AutoModelForQuestionAnswering",
                  .head = question_head,
                  .scope = "model",
                  .shifts_inputs = true}),
      decoder.with_head("ForCausalLM", "AutoModelForCausalLM", decoder_head),
  };
  for (ModelClass& entry : classes) {
    entry.ignore_unexpected = {"encoder.version", "decoder.version"};
  }
  return classes;
}

}  // namespace tern
