// SPDX-License-Identifier: Apache-2.0
// WordTokens: what the cache knows of a word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tern::text {

/// Ids, and how many bytes of the word each token has. More tokens, or an id beyond kMostId, are
/// not kept.
struct WordTokens {
  static constexpr size_t kMost = 60;
  static constexpr int32_t kMostId = (1 << 24) - 1;
  std::array<int32_t, kMost> ids;
  std::array<uint8_t, kMost> sizes;
  uint32_t count;
};

}  // namespace tern::text
