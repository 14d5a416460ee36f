// SPDX-License-Identifier: Apache-2.0
// JSON schemas to GBNF: every text of the grammar is JSON that satisfies the schema (not every such
// JSON is a text of the grammar). Members come in the order of the schema, those that are not
// required may be absent; others only where additionalProperties says so, or where no properties
// are named; items behind prefixItems only where items says so. Of oneOf one alternative is
// satisfied, whatever the others say. Blanks between tokens are few, so that no model idles there;
// numbers have at most 16 digits on each side of the point.
#pragma once

#include <string>

#include "../../../hub/formats/json.h"

namespace tern::grammar {

/// Annotations (title, description, default, examples, …) are ignored. unsupported names what
/// constrains and is not known here, by keyword and place; invalid_argument: what is no schema, can
/// not be satisfied, or is too large.
std::string of_json_schema(const hub::Json& schema);

}  // namespace tern::grammar
