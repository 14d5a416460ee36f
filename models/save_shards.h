// SPDX-License-Identifier: Apache-2.0
// Which tensors of a model go into which file. Called by save_pretrained.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/base/api.h"

namespace tern {

struct Shard {
  std::string file;
  std::vector<size_t> tensors;  // indices
};

/// Transformers' split: tensors in their order, a new file where the next one would make it larger
/// than `limit`; a tensor that is larger itself has a file of its own, which stands before the one
/// that was being filled. One file is model.safetensors, several are
/// model-00001-of-00003.safetensors, …, with the variant behind "model".
TERN_API std::vector<Shard> split_into_shards(std::span<const uint64_t> sizes, uint64_t limit,
                                              const std::string& variant);

/// "model-00001-of-00003.safetensors": a shard of `stem` ("model" or "model.<variant>"), as this
/// or an earlier version of Transformers named them.
TERN_API bool is_shard_name(std::string_view file, std::string_view stem) noexcept;

}  // namespace tern
