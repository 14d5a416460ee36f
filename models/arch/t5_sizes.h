// SPDX-License-Identifier: Apache-2.0
// T5's numbers, each read once and checked. Private to t5.cpp.
#pragma once

#include <cmath>
#include <string>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../blocks/attention_layers.h"
#include "../blocks/relative_bias.h"

namespace tern {

struct T5Sizes {
  int64_t vocab, hidden, inner, encoder_layers, decoder_layers;
  AttentionShape attention;
  DistanceBuckets buckets;
  Act act;
  bool gated;
  double eps;
  double factor;  // of all deviations before training

  explicit T5Sizes(const Config& c)
      : vocab(c.integer({"vocab_size"}, 32128, 1, int64_t{1} << 31)),
        hidden(c.integer({"d_model", "hidden_size"}, 512, 1, 1 << 20)),
        inner(c.integer({"d_ff"}, 2048, 1, 1 << 24)),
        encoder_layers(c.integer({"num_layers", "num_hidden_layers"}, 6, 0, 1024)),
        decoder_layers(c.integer({"num_decoder_layers"}, encoder_layers, 0, 1024)),
        attention({.hidden = hidden,
                   .heads = c.integer({"num_heads", "num_attention_heads"}, 8, 1, 4096),
                   .head_dim = c.integer({"d_kv", "head_dim"}, 64, 1, 1 << 16),
                   .bias = false,
                   .scale = 1}),
        eps(c.number({"layer_norm_epsilon"}, 1e-6, 0, 1)),
        factor(c.number({"initializer_factor"}, 1, 0, 1000)) {
    check_head_size(c, attention.head_dim);
    buckets.buckets = c.integer({"relative_attention_num_buckets"}, 32, 4, 65536);
    buckets.farthest = c.integer({"relative_attention_max_distance"}, 128, 1, 1 << 24);
    if (buckets.farthest <= buckets.buckets / 2) {
      fail(ErrorCode::invalid_argument,
           cat(c.what(), ": relative_attention_max_distance ", buckets.farthest,
               " must be greater than half of the ", buckets.buckets, " buckets"));
    }
    read_feed_forward(c);
  }

  /// Before training: normal values that keep the size of what is multiplied by `in` of them.
  double deviation(int64_t in) const { return factor / std::sqrt(static_cast<double>(in)); }

 private:
  /// "relu", "gated-gelu", …
  void read_feed_forward(const Config& c) {
    std::string name = c.string({"feed_forward_proj"}, "relu");
    gated = name.starts_with("gated-");
    if (gated) name.erase(0, 6);
    if (gated && name == "gelu") name = "gelu_new";
    const auto plain = hub::Json::make(std::string_view(name));
    act = c.with(hub::Json::object({{"feed_forward_proj", plain}}))
              .activation({"feed_forward_proj"}, "relu");
  }
};

}  // namespace tern
