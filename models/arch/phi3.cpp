// SPDX-License-Identifier: Apache-2.0
// Phi 3 (Abdin 2024): Llama with q, k, v in one weight and gate and up in another.
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

DecoderSizes sizes(const Config& c) {
  DecoderSizes s = DecoderSizes::from(c, {.vocab = 32064,
                                          .hidden = 3072,
                                          .layers = 32,
                                          .intermediate = 8192,
                                          .heads = 32,
                                          .positions = 4096,
                                          .zero_row = 32000,
                                          .eps = 1e-5});
  s.fused_weights = true;
  s.set_window(static_cast<int64_t>(number_or_none(c, "sliding_window", 0)));
  s.ropes = {{c, {.head_dim = s.head_dim}}};
  return s;
}

struct Phi3 final : Decoder {
  Phi3(const Config& c, const Weights& w) : Decoder(sizes(c), w) {}
};

}  // namespace

std::vector<ModelClass> phi3_classes() {
  return decoder_classes<Phi3>({.model_type = "phi3", .class_prefix = "Phi3"});
}

}  // namespace tern
