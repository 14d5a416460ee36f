// SPDX-License-Identifier: Apache-2.0
// One tensor of a checkpoint into a file that is being saved. Called by save_pretrained.cpp.
#pragma once

#include <string_view>

#include "../hub/folder_writer.h"
#include "weights.h"

namespace tern {

/// Appends the elements as a dense tensor of type f32, bf16, f16 or f64, rounded to nearest even
/// where that is narrower. At most a few MB (of a GGUF's or a strided one the tensor) are in memory
/// at a time, read from the checkpoint's mapping and its pages are let go. io when the checkpoint
/// was cut or cannot be read.
void append_tensor(const Parameter& parameter, DType dtype, Context& ctx,
                   hub::FolderWriter::File& file);

}  // namespace tern
