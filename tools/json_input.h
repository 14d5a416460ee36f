// SPDX-License-Identifier: Apache-2.0
// A JSON document that a verb is given: a file, or "-" for standard input.
#pragma once

#include <string>

#include "../hub/formats/json.h"

namespace tern::cli {

/// At most 64 MB; not_found, denied, io, corrupt.
hub::Json read_json(const std::string& path);

}  // namespace tern::cli
