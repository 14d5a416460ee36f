// SPDX-License-Identifier: Apache-2.0
// Gemma (2024): Llama with embeddings scaled by sqrt(hidden), norms that count from one, tanh GELU.
// Gemma 2: norms around what is added too, soft caps, every other layer with a window.
// Gemma 3 (2025): q and k normed head by head, five layers of six with a window and a rope of their
// own.
#include <cmath>

#include "../../engine/base/error.h"
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

DecoderSizes sizes(const Config& c, DecoderSizes defaults) {
  defaults.zero_row = 0;
  DecoderSizes s = DecoderSizes::from(c, defaults);
  // The first files say "gelu" and mean the tanh form, as Transformers reads them.
  s.act = c.activation({"hidden_activation", "hidden_act"}, "gelu_pytorch_tanh");
  if (s.act == Act::gelu) s.act = Act::gelu_tanh;
  s.norm = RMSNorm::Weight::one_plus;
  s.embedding_scale = std::sqrt(static_cast<double>(s.hidden));
  s.qkv_bias = s.output_bias = c.boolean({"attention_bias"}, false);
  return s;
}

DecoderSizes gemma_sizes(const Config& c) {
  DecoderSizes s = sizes(c, {.vocab = 256000,
                             .hidden = 3072,
                             .layers = 28,
                             .intermediate = 24576,
                             .heads = 16,
                             .kv_heads = 16,
                             .head_dim = 256,
                             .positions = 8192});
  s.ropes = {{c, {.head_dim = s.head_dim}}};
  return s;
}

DecoderSizes second_generation(int64_t vocab, int64_t positions) {
  return {.vocab = vocab,
          .hidden = 2304,
          .layers = 26,
          .intermediate = 9216,
          .heads = 8,
          .kv_heads = 4,
          .head_dim = 256,
          .positions = positions};
}

/// What Gemma 2 and 3 share.
void set_second_generation(DecoderSizes& s, const Config& c) {
  const double scalar = c.number({"query_pre_attn_scalar"}, 256, 1e-6, 1e9);
  s.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
  s.norms_outputs = true;
}

DecoderSizes gemma2_sizes(const Config& c) {
  DecoderSizes s = sizes(c, second_generation(256000, 8192));
  set_second_generation(s, c);
  // Gemma 3 has the field, too, but does not use it (modeling_gemma3.py of 5.23).
  s.softcap = static_cast<float>(number_or_none(c, "attn_logit_softcapping", 50));
  s.ropes = {{c, {.head_dim = s.head_dim}}};
  s.set_layer_types(c, static_cast<int64_t>(number_or_none(c, "sliding_window", 4096)),
                    [](const Config&, int64_t layer) { return layer % 2 == 0; });
  return s;
}

DecoderSizes gemma3_sizes(const Config& c) {
  if (c.boolean({"use_bidirectional_attention"}, false)) {
    fail(ErrorCode::unsupported, c.what() + ": use_bidirectional_attention is not supported");
  }
  DecoderSizes s = sizes(c, second_generation(262208, 131072));
  set_second_generation(s, c);
  s.head_norms = true;
  s.ropes = {{c, {.head_dim = s.head_dim, .theta = 1e6, .layer_type = "full_attention"}},
             {c,
              {.head_dim = s.head_dim,
               .theta = 1e4,
               .theta_name = "rope_local_base_freq",
               .layer_type = "sliding_attention"}}};
  s.set_layer_types(c, static_cast<int64_t>(number_or_none(c, "sliding_window", 4096)),
                    [](const Config& config, int64_t layer) {
                      const int64_t every = config.integer(
                          {"sliding_window_pattern", "_sliding_window_pattern"}, 6, 1, 1 << 20);
                      return (layer + 1) % every != 0;
                    });
  return s;
}

struct Gemma final : Decoder {
  Gemma(const Config& c, const Weights& w) : Decoder(gemma_sizes(c), w) {}
};

struct Gemma2 final : Decoder {
  Gemma2(const Config& c, const Weights& w) : Decoder(gemma2_sizes(c), w) {}
};

struct Gemma3 final : Decoder {
  Gemma3(const Config& c, const Weights& w) : Decoder(gemma3_sizes(c), w) {}
};

std::unique_ptr<TextHead> capped_causal_head(const HeadContext& c) {
  return causal_head(c, 30);
}

}  // namespace

std::vector<ModelClass> gemma_classes() {
  return decoder_classes<Gemma>({.model_type = "gemma", .class_prefix = "Gemma", .tied = true});
}

std::vector<ModelClass> gemma2_classes() {
  return decoder_classes<Gemma2>({.model_type = "gemma2",
                                  .class_prefix = "Gemma2",
                                  .tied = true,
                                  .causal = capped_causal_head});
}

std::vector<ModelClass> gemma3_classes() {
  std::vector<ModelClass> classes = decoder_classes<Gemma3>(
      {.model_type = "gemma3_text", .class_prefix = "Gemma3Text", .tied = true});
  for (ModelClass& entry : classes) {
    if (entry.name == "Gemma3TextForCausalLM") entry.name = "Gemma3ForCausalLM";
  }
  std::erase_if(classes, [](const ModelClass& entry) {
    return entry.name == "Gemma3TextForTokenClassification";  // Transformers has none
  });
  return classes;
}

}  // namespace tern
