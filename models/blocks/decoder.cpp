// SPDX-License-Identifier: Apache-2.0
#include "decoder.h"

#include <array>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

struct CausalHead final : TextHead {
  CausalHeadParts parts;

  explicit CausalHead(CausalHeadParts own) : parts(std::move(own)) {}
  bool causal() const override { return true; }
  Tensor logits(Context& ctx, const Tensor& states) const override {
    const Tensor y =
        parts.decoder(ctx, parts.scale == 1 ? states : scale(ctx, states, parts.scale));
    return parts.softcap > 0 ? softcap(ctx, y, parts.softcap) : y;
  }
  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    const Tensor y = logits(ctx, h.states);
    out.set("logits", y.reshape({h.rows, h.length, y.dim(1)}));
  }
};

/// Rows of the last tokens that are no padding, by Transformers' rule: the right-most token that is
/// not pad_token_id; the first when all are; the last when nothing tells.
struct LastTokenHead final : TextHead {
  Linear score;
  int64_t pad_id = -1;  // -1: the config has none

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    if (pad_id < 0 && h.rows > 1) {
      fail(ErrorCode::invalid_argument,
           "classification of a batch needs config.json's pad_token_id to find the last tokens");
    }
    std::vector<int64_t> last;
    for (int64_t row = 0; row < h.rows; ++row) {
      int64_t at = h.length - 1;
      const bool known = pad_id >= 0 && !h.input_ids.empty();
      while (known && at > 0 && h.input_ids[static_cast<size_t>(row * h.length + at)] == pad_id)
        --at;
      last.push_back(row * h.length + at);
    }
    out.set("logits", score(ctx, gather_rows(ctx, h.states, last)));
  }
};

/// Transformers keeps the factor in the type of the embeddings.
float embedding_scale(const DecoderSizes& s, LinearFormat format) {
  const auto scale = static_cast<float>(s.embedding_scale);
  const DType dtype = format.weights == WeightFormat::f16 ? DType::f16 : format.narrow;
  if (scale == 1 || dtype == DType::f32) return scale;
  Context ctx;
  const Tensor one = Tensor::from<float>(std::array{scale}, {1});
  return *convert(ctx, convert(ctx, one, dtype), DType::f32).data<float>();
}

}  // namespace

std::span<const int64_t> token_positions(const TokenBatch& batch, std::vector<int64_t>& own) {
  if (!batch.position_ids.empty()) return batch.position_ids;
  own.reserve(static_cast<size_t>(batch.segments.tokens()));
  for (const Segment& s : batch.segments.sequences) {
    for (int64_t i = 0; i < s.queries(); ++i) own.push_back(s.position() + i);
  }
  return own;
}

Decoder::Decoder(const DecoderSizes& s, const Weights& w)
    : tokens_(make_embedding(w / "embed_tokens", s.vocab, s.hidden, Init::padded(s.zero_row))),
      scale_(embedding_scale(s, w.format())),
      ropes_(s.ropes, w.format().narrow) {
  for (size_t i = 0; i < s.kinds.size(); ++i) {
    layers_.emplace_back(s, s.kinds[i], w / "layers" / static_cast<int64_t>(i));
  }
  // Taken where the class defines it, which is what a device_map goes by.
  const Init init = s.norm == RMSNorm::Weight::plain ? Init::ones : Init::zeros;
  norm_ = RMSNorm((w / "norm").take("weight", {s.hidden}, init), s.eps, s.norm);
  hidden = s.hidden;
  max_length = s.positions;
  causal = true;
  kv = {s.layers, s.kv_heads, s.head_dim, w.format().narrow};
  for (const DecoderSizes::LayerKind& kind : s.kinds) kv.windows.push_back(kind.window);
}

Tensor Decoder::run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const {
  Tensor x = batch.inputs_embeds;
  if (!x) {
    const EmbeddingInput input[] = {{tokens_.table(), batch.input_ids}};
    x = embedding(ctx, input, "input_ids");
    if (scale_ != 1) x = scale(ctx, x, scale_);
  }
  std::vector<int64_t> own;
  const std::vector<RopeAngles> angles =
      ropes_.angles(ctx, token_positions(batch, own), batch.rope_length);
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (states) states->push_back(x);
    x = layers_[i](ctx, x, {batch.segments, angles, batch.cache, static_cast<int64_t>(i)});
  }
  x = norm_(ctx, x);
  if (states) states->push_back(x);
  return x;
}

std::unique_ptr<TextHead> make_causal_head(const HeadContext& c) {
  return causal_head(c, 0);
}

std::unique_ptr<TextHead> causal_head(const HeadContext& c, double softcap, std::string_view name) {
  const int64_t vocab = c.config.integer({"vocab_size"}, 32000, 1, int64_t{1} << 31);
  const double cap = number_or_none(c.config, "final_logit_softcapping", softcap);
  return causal_head({.decoder = make_linear(c.root / name, c.hidden, vocab, false),
                      .softcap = static_cast<float>(cap)});
}

std::unique_ptr<TextHead> causal_head(CausalHeadParts parts) {
  return std::make_unique<CausalHead>(std::move(parts));
}

std::unique_ptr<TextHead> make_last_token_head(const HeadContext& c) {
  auto head = std::make_unique<LastTokenHead>();
  head->score = make_linear(c.root / "score", c.hidden, c.config.num_labels(), false);
  head->pad_id = c.config.integer({"pad_token_id"}, -1, -1, int64_t{1} << 31);
  return head;
}

std::unique_ptr<TextHead> make_score_token_head(const HeadContext& c) {
  return token_head(make_classifier(c, "score"));
}

}  // namespace tern
