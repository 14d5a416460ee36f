// SPDX-License-Identifier: Apache-2.0
// Llama (Touvron 2023; Dubey 2024): the decoder of blocks/decoder.h as it is.
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

DecoderSizes sizes(const Config& c) {
  DecoderSizes s = DecoderSizes::from(c, {.vocab = 32000,
                                          .hidden = 4096,
                                          .layers = 32,
                                          .intermediate = 11008,
                                          .heads = 32,
                                          .positions = 2048});
  s.qkv_bias = s.output_bias = c.boolean({"attention_bias"}, false);
  s.mlp_bias = c.boolean({"mlp_bias"}, false);
  s.ropes = {{c, {.head_dim = s.head_dim}}};
  return s;
}

struct Llama final : Decoder {
  Llama(const Config& c, const Weights& w) : Decoder(sizes(c), w) {}
};

}  // namespace

std::vector<ModelClass> llama_classes() {
  return decoder_classes<Llama>(
      {.model_type = "llama", .class_prefix = "Llama", .question_prefix = "transformer"});
}

}  // namespace tern
