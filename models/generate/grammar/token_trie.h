// SPDX-License-Identifier: Apache-2.0
// TokenTrie: the bytes of all tokens as one tree, so that what begins alike is read once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "automaton.h"

namespace tern::grammar {

class TokenTrie {
 public:
  /// bytes[id]; a token without any is never found.
  explicit TokenTrie(std::span<const std::string> bytes);

  /// Sets bit id % 64 of mask[id / 64] for each token that can be read from `state`; whether there
  /// are any. Errors are the automaton's.
  bool readable(Automaton& automaton, State state, std::vector<uint64_t>& mask) const;

 private:
  /// In the order of a walk from the root, children by their byte.
  struct Node {
    uint32_t behind;  // the first node that is not below this one
    uint32_t first;   // tokens [first, first + count) of tokens_ end here
    uint32_t depth;   // bytes before this one's
    uint16_t count;
    uint8_t byte;
  };
  std::vector<Node> nodes_;
  std::vector<uint32_t> tokens_;  // ids by their bytes
  size_t deepest_ = 0;            // bytes of the longest
  size_t words_ = 0;              // of a mask
};

}  // namespace tern::grammar
