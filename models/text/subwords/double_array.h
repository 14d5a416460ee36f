// SPDX-License-Identifier: Apache-2.0
// DoubleArray: byte strings as a trie in one array (Aoe 1989), one 8-byte slot per node. The child
// of a node by byte c lies at base + c; no two nodes share a base, so a slot's own byte tells that
// it is that child. Built once from sorted keys, then only walked.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "../../../engine/base/huge_pages.h"

namespace tern::text {

class DoubleArray {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  struct Key {
    std::string_view text;  // not empty
    uint32_t value;         // below 2^27 - 1
  };
  /// Of equal texts the last one's value counts. Sorts `keys`. unsupported: more than 2^28 slots,
  /// or a value that is too large.
  /// shorter[i] becomes the value of the longest other text with which keys[i] begins, or kNone.
  void build(std::vector<Key>& keys, std::vector<uint32_t>* shorter = nullptr);

  /// A place in the trie: walk with step(), read with value().
  using Node = uint64_t;
  Node root() const noexcept { return root_; }
  /// False when there is no such child; then `node` is of no use.
  bool step(Node& node, char byte) const noexcept {
    const auto c = static_cast<uint8_t>(byte);
    node = slots_[(node >> kBaseShift) + c];
    return (node & kLabelMask) == (kUsed | c);
  }
  /// kNone when no key ends here.
  static uint32_t value(Node node) noexcept {
    return (static_cast<uint32_t>(node >> kValueShift) & kValueMask) - 1;
  }

  struct Hit {
    uint32_t value;  // kNone: none
    size_t end;
  };
  /// The longest key that begins at text[from].
  Hit longest(std::string_view text, size_t from) const noexcept {
    Hit best{kNone, from};
    Node node = root_;
    for (size_t i = from; i < text.size() && step(node, text[i]);) {
      ++i;
      if (value(node) != kNone) best = {value(node), i};
    }
    return best;
  }
  uint32_t find(std::string_view text) const noexcept;

 private:
  // Node: base (28 bits), value + 1 (27), used (1), byte (8).
  static constexpr int kBaseShift = 36, kValueShift = 9;
  static constexpr uint32_t kValueMask = (1u << 27) - 1;
  static constexpr uint64_t kUsed = 0x100, kLabelMask = 0x1FF;
  class Builder;

  std::vector<Node, HugePages<Node>> slots_ = std::vector<Node, HugePages<Node>>(256, 0);
  Node root_ = 0;
};

}  // namespace tern::text
