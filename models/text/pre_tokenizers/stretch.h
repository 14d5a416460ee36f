// SPDX-License-Identifier: Apache-2.0
// Stretch: a part of a piece that delimits or does not; cut() makes pieces of them.
#pragma once

#include <vector>

#include "pre_tokenizers.h"

namespace tern::text {

/// Bytes [begin, end); may be empty (an empty match), which counts for its neighbours.
struct Stretch {
  size_t begin, end;
  bool delimits;
};

/// Appends what `behavior` makes of the stretches of one piece, in order; nothing empty.
/// `stretches` is scratch afterwards.
void cut(std::vector<Stretch>& stretches, SplitBehavior behavior, std::vector<Piece>& out);

}  // namespace tern::text
