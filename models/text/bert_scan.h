// SPDX-License-Identifier: Apache-2.0
// BertScan: BertNormalizer, BertPreTokenizer and WordPiece in one pass over the text.
#pragma once

#include <memory>

namespace tern::text {

class BertScan {};

}  // namespace tern::text
