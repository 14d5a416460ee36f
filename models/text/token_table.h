// SPDX-License-Identifier: Apache-2.0
// TokenTable: what each token of a tokenizer adds to a text (Tokenizer::token_bytes) as one tree of
// bytes, so that what begins alike is read once. Constrained generation walks it. It is the
// tokenizer's alone, made when first asked for: Tokenizer::token_table.
// Memory: 16 bytes a node and 4 a token with bytes, which is 31 to 41 a token: 1.8 MB for gpt2
// (50,257 tokens), 10.7 MB for gemma3 (262,145).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tern::text {

class TokenTable {
 public:
  /// In the order of a walk from the root, children by their byte.
  struct Node {
    uint32_t behind;  // the first node that is not below this one
    uint32_t first;   // tokens that end before this node
    uint32_t depth;   // bytes before this one's
    uint8_t byte;
  };

  /// Bytes and id of each token that has bytes; an id once.
  explicit TokenTable(std::span<const std::pair<std::string, uint32_t>> tokens);

  std::span<const Node> nodes() const noexcept { return {nodes_.data(), nodes_.size() - 1}; }
  /// Ids of the tokens that are the bytes down to a node, ascending.
  std::span<const uint32_t> ending(const Node& node) const noexcept {
    return {ids_.data() + node.first, (&node + 1)->first - node.first};
  }
  /// Bytes of the longest token.
  size_t deepest() const noexcept { return deepest_; }
  /// Memory that the table takes.
  size_t bytes() const noexcept {
    return nodes_.capacity() * sizeof(Node) + ids_.capacity() * sizeof(uint32_t);
  }

 private:
  std::vector<Node> nodes_;  // and one behind the last
  std::vector<uint32_t> ids_;
  size_t deepest_ = 0;
};

}  // namespace tern::text
