// SPDX-License-Identifier: Apache-2.0
// Left recursion: a rule that can come to itself before a byte is read has no end for a reader that
// tries all ways at once.
#pragma once

#include <vector>

#include "grammar.h"

namespace tern::grammar {

/// A rule that begins with itself and those on the way back to it, in order; empty: there is none.
/// What a rule begins with stands also behind what may be empty. Linear in the size of the grammar.
std::vector<uint32_t> left_recursion(const Grammar& grammar);

}  // namespace tern::grammar
