// SPDX-License-Identifier: Apache-2.0
// Named tensors from and to safetensors files, in the plain types of the program's contracts.
#pragma once

#include <string>

#include "../models/model.h"

namespace tern::cli {

/// All tensors of a file; floats as f32, everything else as i64.
NamedTensors read_tensors(const std::string& path);
/// The same types; the file appears whole or not at all.
void write_tensors(const std::string& path, const NamedTensors& tensors);

}  // namespace tern::cli
