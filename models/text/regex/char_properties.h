// SPDX-License-Identifier: Apache-2.0
// Named sets of characters as the reference's regular expressions know them (Unicode 16).
#pragma once

#include <optional>
#include <string_view>

#include "char_set.h"

namespace tern::text {

/// The set of \p{name}: general categories, scripts, POSIX names, a few derived properties. Case,
/// '_', '-' and blanks of `name` do not count. nullopt: unknown here.
std::optional<CharSet> find_property(std::string_view name);

/// The set of [:name:], spelt exactly.
std::optional<CharSet> find_posix_bracket(std::string_view name);

}  // namespace tern::text
