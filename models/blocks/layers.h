// SPDX-License-Identifier: Apache-2.0
// engine/nn layers made from scoped weights: names and shapes on this side, packing on that.
#pragma once

#include <initializer_list>

#include "../weights.h"

namespace tern {

/// w/"weight" [out, in] and w/"bias" [out] (absent by design when bias is false).
TERN_API Linear make_linear(const Weights& w, int64_t in, int64_t out, bool bias = true);
/// The parts stacked: y = [part_0(x), part_1(x), …], each [out, in] with bias.
TERN_API Linear make_fused(std::initializer_list<Weights> parts, int64_t in, int64_t out,
                           bool bias = true);
TERN_API LayerNorm make_layer_norm(const Weights& w, int64_t features, double eps);
TERN_API Embedding make_embedding(const Weights& w, int64_t entries, int64_t hidden);

}  // namespace tern
