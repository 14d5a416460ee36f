// SPDX-License-Identifier: Apache-2.0
// What the tests of BPE and Unigram share: tokens as comparable text.
#pragma once

#include <string>
#include <vector>

#include "../../../engine/base/format.h"
#include "../../../models/text/subwords/text_model.h"

namespace tern::test {

using Tokens = text::ModelTokens;

/// [[id,begin,end],…]
inline std::string written(const Tokens& tokens) {
  std::string out(1, '[');
  for (const text::ModelToken& t : tokens) {
    out += cat(out.size() == 1 ? "[" : ",[", t.id, ",", t.begin, ",", t.end, "]");
  }
  return out += "]";
}

}  // namespace tern::test
