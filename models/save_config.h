// SPDX-License-Identifier: Apache-2.0
// The texts that a saved model has beside its weights. Called by save_pretrained.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config.h"

namespace tern {

/// config.json: every field of what was loaded, by name, with `architectures` = [class_name] and
/// `dtype`; without what spoke of other files (transformers_weights) and with the names of the
/// labels where only their number was given, one of up to 100,000.
std::string saved_config(const Config& config, std::string_view class_name, DType dtype);

/// model.safetensors.index.json: {metadata: {total_parameters, total_size}, weight_map}.
struct SavedIndex {
  int64_t parameters = 0, bytes = 0;
  std::vector<std::pair<std::string, std::string>> weight_map;  // tensor, file
};
std::string index_text(SavedIndex index);

}  // namespace tern
