// SPDX-License-Identifier: Apache-2.0
// Mistral (Jiang 2023): Llama with a window over the keys; Mixtral (Jiang 2024): with experts.
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

DecoderSizes sizes(const Config& c, double eps, double window, double theta) {
  DecoderSizes s = DecoderSizes::from(c, {.vocab = 32000,
                                          .hidden = 4096,
                                          .layers = 32,
                                          .intermediate = 14336,
                                          .heads = 32,
                                          .kv_heads = 8,
                                          .positions = 131072,
                                          .eps = eps});
  s.set_window(static_cast<int64_t>(number_or_none(c, "sliding_window", window)));
  s.ropes = {{c, {.head_dim = s.head_dim, .theta = theta}}};
  return s;
}

DecoderSizes mixtral_sizes(const Config& c) {
  DecoderSizes s = sizes(c, 1e-5, 0, 1e6);
  s.experts = c.integer({"num_local_experts", "num_experts"}, 8, 1, 4096);
  s.experts_per_token = c.integer({"num_experts_per_tok"}, 2, 1, s.experts);
  return s;
}

struct Mistral final : Decoder {
  Mistral(const Config& c, const Weights& w) : Decoder(sizes(c, 1e-6, 4096, 1e4), w) {}
};

struct Mixtral final : Decoder {
  Mixtral(const Config& c, const Weights& w) : Decoder(mixtral_sizes(c), w) {}
};

}  // namespace

std::vector<ModelClass> mistral_classes() {
  return decoder_classes<Mistral>(
      {.model_type = "mistral", .class_prefix = "Mistral", .question_prefix = "model"});
}

std::vector<ModelClass> mixtral_classes() {
  return decoder_classes<Mixtral>(
      {.model_type = "mixtral", .class_prefix = "Mixtral", .question_prefix = "model"});
}

}  // namespace tern
