// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file, entry by entry: grammar, dtype, shape, and that each
// entry's length is its shape × dtype. How the entries lie together is safetensors.cpp's concern.
#pragma once

#include <string>
#include <string_view>

#include "safetensors.h"

namespace tern::hub {

/// `text` is the header as it lies in the file behind its eight length bytes.
SafetensorsHeader parse_safetensors_entries(std::string_view text, std::string_view what);

/// A name from a file as messages show it: quoted, escaped, cut when long.
std::string shown_name(std::string_view name);

/// What the first bytes of a file that is not what its name says often are.
std::string_view likely_content(Bytes head);

}  // namespace tern::hub
