// SPDX-License-Identifier: Apache-2.0
#include "text_heads.h"

#include <utility>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

/// The layers in turn on the first token of every row: [rows, out].
Tensor run_layers(Context& ctx, const TextHidden& h, const std::vector<HeadLayer>& layers) {
  Tensor x = h.first(ctx);
  for (const HeadLayer& layer : layers) x = layer.dense(ctx, x, {.act = layer.act});
  return x;
}

struct BareHead final : TextHead {
  std::vector<HeadLayer> pooler;  // none or one

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    out.set("last_hidden_state", h.states.reshape({h.rows, h.length, h.states.dim(1)}));
    if (!pooler.empty()) out.set("pooler_output", run_layers(ctx, h, pooler));
  }
};

struct RowHead final : TextHead {
  std::vector<HeadLayer> layers;

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    out.set("logits", run_layers(ctx, h, layers));
  }
};

struct ChoiceHead final : TextHead {
  std::vector<HeadLayer> layers;

  bool choices() const override { return true; }
  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    out.set("logits", run_layers(ctx, h, layers).reshape({h.rows / h.choices, h.choices}));
  }
};

struct TokenHead final : TextHead {
  Linear classifier;

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    const Tensor logits = classifier(ctx, h.states);
    out.set("logits", logits.reshape({h.rows, h.length, logits.dim(1)}));
  }
};

struct SpanHead final : TextHead {
  Linear classifier;

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    const Tensor logits = classifier(ctx, h.states);  // [rows · length, 2]
    int64_t part = 0;
    for (const char* name : {"start_logits", "end_logits"}) {
      Tensor column = ctx.arena().tensor(DType::f32, {h.rows, h.length});
      const float* from = logits.data<float>() + part++;
      for (int64_t i = 0; i < column.numel(); ++i) column.data<float>()[i] = from[2 * i];
      out.set(name, column);
    }
  }
};

struct LanguageOutput final : TextHead {
  LanguageHead language;
  bool generates = false;

  bool causal() const override { return generates; }
  Tensor logits(Context& ctx, const Tensor& states) const override { return language(ctx, states); }
  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    const Tensor logits = language(ctx, h.states);
    out.set("logits", logits.reshape({h.rows, h.length, logits.dim(1)}));
  }
};

struct PretrainingOutput final : TextHead {
  LanguageHead language;
  std::vector<HeadLayer> relation;

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    const Tensor logits = language(ctx, h.states);
    out.set("prediction_logits", logits.reshape({h.rows, h.length, logits.dim(1)}));
    out.set("seq_relationship_logits", run_layers(ctx, h, relation));
  }
};

LanguageHead roberta_language(const HeadContext& c) {
  const Weights w = c.root / "lm_head";
  const int64_t vocab = c.config.integer({"vocab_size"}, 30522, 1, int64_t{1} << 31);
  w.take("bias", {vocab}, Init::zeros);  // a name of its own, used through the decoder
  return {.dense = make_linear(w / "dense", c.hidden, c.hidden),
          .act = Act::gelu,
          .norm = make_layer_norm(w / "layer_norm", c.hidden,
                                  c.config.number({"layer_norm_eps"}, 1e-12, 0, 1)),
          .decoder = make_linear(w / "decoder", c.hidden, vocab)};
}

}  // namespace

Tensor LanguageHead::operator()(Context& ctx, const Tensor& x) const {
  return decoder(ctx, norm(ctx, dense(ctx, x, {.act = act})));
}

std::unique_ptr<TextHead> bare_head() {
  return std::make_unique<BareHead>();
}

std::unique_ptr<TextHead> bare_head(HeadLayer pooler) {
  auto head = std::make_unique<BareHead>();
  head->pooler = {std::move(pooler)};
  return head;
}

std::unique_ptr<TextHead> row_head(std::vector<HeadLayer> layers) {
  auto head = std::make_unique<RowHead>();
  head->layers = std::move(layers);
  return head;
}

std::unique_ptr<TextHead> choice_head(std::vector<HeadLayer> layers) {
  auto head = std::make_unique<ChoiceHead>();
  head->layers = std::move(layers);
  return head;
}

std::unique_ptr<TextHead> token_head(Linear classifier) {
  auto head = std::make_unique<TokenHead>();
  head->classifier = std::move(classifier);
  return head;
}

std::unique_ptr<TextHead> span_head(Linear classifier) {
  auto head = std::make_unique<SpanHead>();
  head->classifier = std::move(classifier);
  return head;
}

std::unique_ptr<TextHead> language_head(LanguageHead language, bool generates) {
  auto head = std::make_unique<LanguageOutput>();
  head->generates = generates;
  head->language = std::move(language);
  return head;
}

std::unique_ptr<TextHead> pretraining_head(LanguageHead language, HeadLayer pooler,
                                           Linear relation) {
  auto head = std::make_unique<PretrainingOutput>();
  head->language = std::move(language);
  head->relation = {std::move(pooler), {std::move(relation), Act::none}};
  return head;
}

HeadLayer make_pooler(const HeadContext& c) {
  return {make_linear(c.base / "pooler" / "dense", c.hidden, c.hidden), Act::tanh};
}

Linear make_classifier(const HeadContext& c, std::string_view name) {
  return make_linear(c.root / name, c.hidden, c.config.num_labels());
}

Linear make_span_classifier(const HeadContext& c, std::string_view name) {
  if (c.config.num_labels() != 2) {
    fail(ErrorCode::invalid_argument,
         cat(c.config.what(), ": question answering needs num_labels 2 (start and end), found ",
             c.config.num_labels()));
  }
  return make_linear(c.root / name, c.hidden, 2);
}

std::unique_ptr<TextHead> make_bare_head(const HeadContext&) {
  return bare_head();
}

std::unique_ptr<TextHead> make_bare_head_with_pooler(const HeadContext& c) {
  return bare_head(make_pooler(c));
}

std::unique_ptr<TextHead> make_pooled_choice_head(const HeadContext& c) {
  return choice_head(
      {make_pooler(c), {make_linear(c.root / "classifier", c.hidden, 1), Act::none}});
}

std::unique_ptr<TextHead> make_token_head(const HeadContext& c) {
  return token_head(make_classifier(c, "classifier"));
}

std::unique_ptr<TextHead> make_span_head(const HeadContext& c) {
  return span_head(make_span_classifier(c, "qa_outputs"));
}

std::unique_ptr<TextHead> make_dense_row_head(const HeadContext& c) {
  const Weights w = c.root / "classifier";
  return row_head({{make_linear(w / "dense", c.hidden, c.hidden), Act::tanh},
                   {make_linear(w / "out_proj", c.hidden, c.config.num_labels()), Act::none}});
}

std::unique_ptr<TextHead> make_lm_head(const HeadContext& c) {
  return language_head(roberta_language(c));
}

std::unique_ptr<TextHead> make_causal_lm_head(const HeadContext& c) {
  return language_head(roberta_language(c), true);
}

}  // namespace tern
