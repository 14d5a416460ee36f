// SPDX-License-Identifier: Apache-2.0
// Encoding: what a tokenizer makes of one text or pair. Offsets count Unicode code points of the
// original text (of the sequence the token came from), as Hugging Face's do.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tern {

struct Encoding {
  std::vector<int64_t> ids;
  std::vector<int64_t> type_ids;
  std::vector<std::string> tokens;                   // filled when asked for
  std::vector<std::pair<int32_t, int32_t>> offsets;  // filled when asked for
  std::vector<int32_t> word_ids;                     // -1: special token
  std::vector<int32_t> sequence_ids;                 // 0, 1, or -1: special token
  std::vector<uint8_t> special_tokens_mask;
  std::vector<uint8_t> attention_mask;
  std::vector<Encoding> overflowing;
};

}  // namespace tern
