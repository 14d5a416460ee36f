// SPDX-License-Identifier: Apache-2.0
// The values that a parameter has before any training, by the rules of Transformers' _init_weights;
// which rule a parameter follows, an architecture says where it takes it (Init). Called by
// weights.cpp, for a head that the checkpoint lacks and for a model made from its config alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "weights.h"

namespace tern {

struct FreshTensor {
  double deviation;       // where Init names none
  DType dtype;            // f32, bf16, f16; f64 gives f32
  uint64_t seed;          // the same values for the same seed and name, whatever else there is
  std::string_view name;  // and however many threads
};
Tensor initialised(const Shape& shape, const Init& init, const FreshTensor& fresh);

/// initializer_range of the config (0 counts as absent), else init_std, initializer_factor, 0.02.
double initial_deviation(const Config& config);

/// The row of an embedding that `key` of the config names as padding: from the end when negative,
/// `fallback` (-1: none) when the config does not say, none when it says null.
int64_t padding_row(const Config& config, std::string_view key, int64_t fallback, int64_t rows);

}  // namespace tern
