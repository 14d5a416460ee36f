// SPDX-License-Identifier: Apache-2.0
// The scanner of [set]+$ (DeepSeek-V2's "\s+$"). An automaton would read a run that does not end a
// line again from each of its characters.
#pragma once

#include <memory>

#include "alphabet.h"
#include "pattern.h"
#include "scanners.h"

namespace tern::text {

/// Null when the pattern is another one.
std::unique_ptr<const Scanner> make_run_at_end(const Pattern& pattern, const Alphabet& alphabet);

}  // namespace tern::text
