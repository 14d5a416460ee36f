// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

#include <vector>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

void check_heads(const Config& c, int64_t hidden, int64_t heads) {
  if (hidden % heads != 0) {
    fail(ErrorCode::invalid_argument, cat(c.what(), ": the hidden size ", hidden,
                                          " is no multiple of the ", heads, " attention heads"));
  }
  check_head_size(c, hidden / heads);
}

void check_head_size(const Config& c, int64_t head_dim) {
  constexpr int64_t kLargestHead = 256;
  if (head_dim > kLargestHead) {
    fail(ErrorCode::unsupported,
         cat(c.what(), ": ", head_dim, " features per attention head; at most ", kLargestHead,
             " are supported"));
  }
}

Linear make_linear(const Weights& w, int64_t in, int64_t out, bool bias) {
  return make_fused({w}, in, out, bias);
}

Linear make_fused(std::initializer_list<Weights> parts, int64_t in, int64_t out, bool bias) {
  std::vector<Tensor> weights, biases;
  for (const Weights& part : parts) {
    weights.push_back(part.take_matrix("weight", {out, in}));
    biases.push_back(bias ? part.take("bias", {out}, Init::zeros) : Tensor());
  }
  return Linear(weights, biases, parts.begin()->format());
}

Linear make_conv1d(const Weights& w, int64_t in, int64_t out, const Init& init) {
  return Linear(w.take_transposed("weight", in, out, init), w.take("bias", {out}, Init::zeros),
                w.format());
}

LayerNorm make_layer_norm(const Weights& w, int64_t features, double eps) {
  return LayerNorm(w.take("weight", {features}, Init::ones),
                   w.take("bias", {features}, Init::zeros), eps);
}

Embedding make_embedding(const Weights& w, int64_t entries, int64_t hidden, const Init& init) {
  return Embedding(w.take("weight", {entries, hidden}, init));
}

}  // namespace tern
