// SPDX-License-Identifier: Apache-2.0
// Regular expressions of "pattern" as GBNF.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tern::grammar {

/// Strings, quotes included, that the expression (ECMAScript's, of valid UTF-8) matches from their
/// beginning to their end, wherever it is anchored: these satisfy it too. Classes leave out what
/// JSON must escape. `refuse` is called with what is not understood (look-around, \b, references to
/// groups, \p, …) and does not return.
std::string of_pattern(std::string_view pattern,
                       const std::function<void(std::string_view part)>& refuse);

}  // namespace tern::grammar
