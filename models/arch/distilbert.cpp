// SPDX-License-Identifier: Apache-2.0
// DistilBERT (Sanh 2019): BERT's encoder without token types and pooler, under names of its own.
#include <cmath>

#include "../blocks/encoder_layer.h"
#include "../blocks/text_embeddings.h"
#include "../blocks/text_heads.h"
#include "arch.h"

namespace tern {

namespace {

constexpr double kEps = 1e-12;  // not in the config

EncoderSizes encoder_sizes(const Config& c) {
  EncoderSizes sizes{.hidden = c.integer({"dim", "hidden_size"}, 768, 1, 65536),
                     .heads = c.integer({"n_heads", "num_attention_heads"}, 12, 1, 1024),
                     .layers = c.integer({"n_layers", "num_hidden_layers"}, 6, 0, 1024),
                     .intermediate = c.integer({"hidden_dim"}, 3072, 1, 1 << 20),
                     .act = c.activation({"activation"}, "gelu"),
                     .eps = kEps};
  sizes.check(c);
  return sizes;
}

/// Position p, feature j: sin for even j and cos for odd j of p / 10000^(2·(j / 2) / columns).
void sinusoids(float* out, int64_t rows, int64_t columns) {
  for (int64_t p = 0; p < rows; ++p) {
    for (int64_t j = 0; j < columns; ++j) {
      const double exponent = 2.0 * static_cast<double>(j / 2) / static_cast<double>(columns);
      const double angle = static_cast<double>(p) / std::pow(10000.0, exponent);
      out[p * columns + j] = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
}

EmbeddingSizes embedding_sizes(const Config& c, int64_t hidden) {
  EmbeddingSizes sizes = EmbeddingSizes::from(c, hidden);
  sizes.types = 0;
  sizes.eps = kEps;
  if (c.boolean({"sinusoidal_pos_embds"}, false)) sizes.initial_positions = sinusoids;
  return sizes;
}

std::vector<PostNormLayer> make_layers(const EncoderSizes& sizes, const Weights& w) {
  std::vector<PostNormLayer> layers;
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const Weights layer = w / "transformer" / "layer" / i;
    layers.emplace_back(sizes, EncoderLayerWeights{
                                   .query = layer / "attention" / "q_lin",
                                   .key = layer / "attention" / "k_lin",
                                   .value = layer / "attention" / "v_lin",
                                   .attention_output = layer / "attention" / "out_lin",
                                   .attention_norm = layer / "sa_layer_norm",
                                   .up = layer / "ffn" / "lin1",
                                   .down = layer / "ffn" / "lin2",
                                   .output_norm = layer / "output_layer_norm",
                               });
  }
  return layers;
}

struct DistilBert final : TextBackbone {
  TextEmbeddings embeddings;
  std::vector<PostNormLayer> layers;

  DistilBert(const Config& c, const Weights& w) : DistilBert(c, encoder_sizes(c), w) {}
  DistilBert(const Config& c, const EncoderSizes& sizes, const Weights& w)
      : embeddings(embedding_sizes(c, sizes.hidden), w / "embeddings"),
        layers(make_layers(sizes, w)) {
    hidden = sizes.hidden;
    max_length = embeddings.sizes().max_length();
  }

  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override {
    return run_layers(ctx, layers, embeddings(ctx, batch), batch.segments, states);
  }
};

using Head = std::unique_ptr<TextHead>;

Head masked_lm(const HeadContext& c) {
  const int64_t vocab = c.config.integer({"vocab_size"}, 30522, 1, int64_t{1} << 31);
  return language_head({.dense = make_linear(c.root / "vocab_transform", c.hidden, c.hidden),
                        .act = c.config.activation({"activation"}, "gelu"),
                        .norm = make_layer_norm(c.root / "vocab_layer_norm", c.hidden, kEps),
                        .decoder = make_linear(c.root / "vocab_projector", c.hidden, vocab)});
}

HeadLayer pre_classifier(const HeadContext& c) {
  return {make_linear(c.root / "pre_classifier", c.hidden, c.hidden), Act::relu};
}

Head sequence_classification(const HeadContext& c) {
  return row_head({pre_classifier(c), {make_classifier(c, "classifier"), Act::none}});
}

Head multiple_choice(const HeadContext& c) {
  return choice_head(
      {pre_classifier(c), {make_linear(c.root / "classifier", c.hidden, 1), Act::none}});
}

}  // namespace

std::vector<ModelClass> distilbert_classes() {
  const TextFamily<DistilBert> distilbert{"distilbert", "DistilBert", "distilbert"};
  return {
      distilbert.base(make_bare_head),
      distilbert.with_head("ForMaskedLM", "AutoModelForMaskedLM", masked_lm,
                           {"vocab_projector", ""}),
      distilbert.with_head("ForSequenceClassification", "AutoModelForSequenceClassification",
                           sequence_classification),
      distilbert.with_head("ForTokenClassification", "AutoModelForTokenClassification",
                           make_token_head),
      distilbert.with_head("ForQuestionAnswering", "AutoModelForQuestionAnswering", make_span_head),
      distilbert.with_head("ForMultipleChoice", "AutoModelForMultipleChoice", multiple_choice),
  };
}

}  // namespace tern
