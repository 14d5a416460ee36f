// SPDX-License-Identifier: Apache-2.0
// Charsmap: SentencePiece's compiled normalization rules ("precompiled_charsmap"): a little-endian
// uint32 with the size of a double-array trie (darts-clone), the trie, then zero-terminated texts.
// The trie's values are offsets of those texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::text {

class Charsmap {
 public:
  Charsmap() = default;
  /// `where` names the field in errors. corrupt: the blob is no charsmap.
  Charsmap(std::string_view blob, std::string_view where);
  /// From base64 as in tokenizer.json.
  static Charsmap from_base64(std::string_view base64, std::string_view where);

  /// What stands for the shortest key that `text` begins with, as in the reference, which looks no
  /// further. Total: a damaged trie finds nothing.
  std::optional<std::string_view> find(std::string_view text) const noexcept;

 private:
  std::vector<uint32_t> units_;
  std::string texts_;
};

}  // namespace tern::text
