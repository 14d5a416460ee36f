// SPDX-License-Identifier: Apache-2.0
// What verify finds out about the tensors of a checkpoint: types, shapes, and values that are no
// numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../models/weights.h"

namespace tern::cli {

struct TensorSummary {
  struct Type {
    int64_t tensors = 0, values = 0;
    uint64_t bytes = 0;
  };
  struct Faulty {
    std::string name;
    int64_t count;  // of NaN and infinite values
  };
  std::map<std::string, Type> types;  // by name, "float32"
  std::string largest;                // "name [rows, columns]"
  std::vector<Faulty> not_finite;
};

/// Reads every floating value once. Progress: stage "values".
TensorSummary summarise(const Checkpoint& checkpoint);

}  // namespace tern::cli
