// SPDX-License-Identifier: Apache-2.0
// libhdf5's side of hdf5.h: load_hdf5 in this process, list_keras_weights in the child.
#pragma once

#include <span>

#include "../../engine/base/bytes.h"

namespace tern::hub {

/// Loads the library on first use, in the parent: the child opens no file. unsupported when it
/// cannot be.
void load_hdf5();

/// In the child. `list` takes an Hdf5Answer and the records; `data` the elements of datasets that
/// cannot be viewed in the file.
void list_keras_weights(Bytes file, std::span<std::byte> list, std::span<std::byte> data) noexcept;

}  // namespace tern::hub
