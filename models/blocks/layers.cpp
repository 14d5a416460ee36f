// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

#include <vector>

namespace tern {

Linear make_linear(const Weights& w, int64_t in, int64_t out, bool bias) {
  return make_fused({w}, in, out, bias);
}

Linear make_fused(std::initializer_list<Weights> parts, int64_t in, int64_t out, bool bias) {
  std::vector<Tensor> weights, biases;
  for (const Weights& part : parts) {
    weights.push_back(part.take("weight", {out, in}));
    biases.push_back(bias ? part.take("bias", {out}, Init::zeros) : Tensor());
  }
  return Linear(weights, biases, parts.begin()->format());
}

LayerNorm make_layer_norm(const Weights& w, int64_t features, double eps) {
  return LayerNorm(w.take("weight", {features}, Init::ones),
                   w.take("bias", {features}, Init::zeros), eps);
}

Embedding make_embedding(const Weights& w, int64_t entries, int64_t hidden) {
  return Embedding(w.take("weight", {entries, hidden}));
}

}  // namespace tern
