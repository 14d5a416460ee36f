// SPDX-License-Identifier: Apache-2.0
// Two schemas as one that demands both: of allOf, and of what stands beside anyOf.
#pragma once

#include <string_view>

#include "../../../hub/formats/json.h"

namespace tern::grammar {

/// Whether a keyword of a schema demands nothing.
bool is_annotation(std::string_view keyword);

/// Objects both; annotations are left out. unsupported, naming the keyword, where the two together
/// are not one value of it; `pointer` is the place.
hub::Json merge_schemas(const hub::Json& a, const hub::Json& b, std::string_view pointer);

}  // namespace tern::grammar
