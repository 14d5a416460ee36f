// SPDX-License-Identifier: Apache-2.0
// Qwen 2 (Yang 2024): Llama with biases on q, k, v; Qwen 3 (Yang 2025): q and k normed head by head
// instead.
#include "../blocks/decoder.h"
#include "arch.h"

namespace tern {

namespace {

/// Layers from max_window_layers on slide, when use_sliding_window says so.
bool slides(const Config& c, int64_t layer) {
  return layer >= c.integer({"max_window_layers"}, 28, 0, 1 << 20);
}

DecoderSizes sizes(const Config& c, int64_t head_dim) {
  DecoderSizes s = DecoderSizes::from(c, {.vocab = 151936,
                                          .hidden = 4096,
                                          .layers = 32,
                                          .intermediate = 22016,
                                          .heads = 32,
                                          .kv_heads = 32,
                                          .head_dim = head_dim,
                                          .positions = 32768});
  const bool windows = c.boolean({"use_sliding_window"}, false);
  s.ropes = {{c, {.head_dim = s.head_dim}}};
  s.set_layer_types(
      c, windows ? static_cast<int64_t>(number_or_none(c, "sliding_window", 4096)) : 0, slides);
  return s;
}

DecoderSizes qwen2_sizes(const Config& c) {
  DecoderSizes s = sizes(c, 0);
  s.qkv_bias = true;
  return s;
}

DecoderSizes qwen3_sizes(const Config& c) {
  DecoderSizes s = sizes(c, 128);
  s.qkv_bias = s.output_bias = c.boolean({"attention_bias"}, false);
  s.head_norms = true;
  return s;
}

struct Qwen2 final : Decoder {
  Qwen2(const Config& c, const Weights& w) : Decoder(qwen2_sizes(c), w) {}
};

struct Qwen3 final : Decoder {
  Qwen3(const Config& c, const Weights& w) : Decoder(qwen3_sizes(c), w) {}
};

}  // namespace

std::vector<ModelClass> qwen2_classes() {
  return decoder_classes<Qwen2>(
      {.model_type = "qwen2", .class_prefix = "Qwen2", .question_prefix = "transformer"});
}

std::vector<ModelClass> qwen3_classes() {
  return decoder_classes<Qwen3>(
      {.model_type = "qwen3", .class_prefix = "Qwen3", .question_prefix = "transformer"});
}

}  // namespace tern
