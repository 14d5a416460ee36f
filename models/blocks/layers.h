// SPDX-License-Identifier: Apache-2.0
// engine/nn layers made from scoped weights: names and shapes on this side, packing on that.
#pragma once

#include <initializer_list>

#include "../weights.h"

namespace tern {

/// invalid_argument when the heads do not divide the hidden size, unsupported for a head of more
/// than 256 features.
void check_heads(const Config& c, int64_t hidden, int64_t heads);
void check_head_size(const Config& c, int64_t head_dim);

/// w/"weight" [out, in] and w/"bias" [out] (absent by design when bias is false).
TERN_API Linear make_linear(const Weights& w, int64_t in, int64_t out, bool bias = true);
/// The parts stacked: y = [part_0(x), part_1(x), …], each [out, in] with bias.
TERN_API Linear make_fused(std::initializer_list<Weights> parts, int64_t in, int64_t out,
                           bool bias = true);
/// GPT-2's Conv1D: w/"weight" is stored [in, out], w/"bias" [out].
TERN_API Linear make_conv1d(const Weights& w, int64_t in, int64_t out,
                            const Init& init = Init::normal);
TERN_API LayerNorm make_layer_norm(const Weights& w, int64_t features, double eps);
/// `init`: Init::padded where the architecture has a padding row.
TERN_API Embedding make_embedding(const Weights& w, int64_t entries, int64_t hidden,
                                  const Init& init = Init::normal);

}  // namespace tern
