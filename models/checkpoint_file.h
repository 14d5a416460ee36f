// SPDX-License-Identifier: Apache-2.0
// What the readers of all weight files share between checkpoint.cpp and its kin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../engine/tensor.h"

namespace tern {

/// A shape that a Tensor can have; the name of the tensor and its file go into the error.
Shape checkpoint_shape(const std::vector<int64_t>& dims, const std::string& name,
                       const std::string& path);

/// A warning that these entries of the file are no tensors; none when there are none.
void warn_no_tensor(const std::string& path, const std::vector<std::string>& names);

/// What Checkpoint::Entry calls the tensor that an index says is `listed` in `shard`.
std::string entry_name(std::string_view listed, std::string_view shard);

}  // namespace tern
