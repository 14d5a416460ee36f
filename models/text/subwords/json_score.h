// SPDX-License-Identifier: Apache-2.0
// Numbers as the reference's JSON reader (serde_json) takes them, which is not always the nearest
// double: it drops digits and rounds twice. A score's last bit can turn a tie between two ways
// through a text.
#pragma once

#include <optional>
#include <string_view>

namespace tern::text {

/// The value of a JSON number's text; nullopt when it is none or not finite.
std::optional<double> json_score(std::string_view text);

}  // namespace tern::text
