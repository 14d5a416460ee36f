// SPDX-License-Identifier: Apache-2.0
#include "token_trie.h"

#include <algorithm>

namespace tern::grammar {

TokenTrie::TokenTrie(std::span<const std::string> bytes) : words_((bytes.size() + 63) / 64) {
  for (size_t id = 0; id < bytes.size(); ++id) {
    if (!bytes[id].empty()) tokens_.push_back(static_cast<uint32_t>(id));
  }
  std::sort(tokens_.begin(), tokens_.end(), [&](uint32_t a, uint32_t b) {
    const int order = bytes[a].compare(bytes[b]);
    return order != 0 ? order < 0 : a < b;
  });
  std::vector<uint32_t> path;  // nodes of the last token
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].behind = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view last;
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view token = bytes[tokens_[i]];
    const size_t common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), token.begin(), token.end()).first - last.begin());
    leave(common);
    for (size_t depth = common; depth < token.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, i, static_cast<uint32_t>(depth), 0, static_cast<uint8_t>(token[depth])});
    }
    ++nodes_[path.back()].count;
    deepest_ = std::max(deepest_, token.size());
    last = token;
  }
  leave(0);
}

bool TokenTrie::readable(Automaton& automaton, State state, std::vector<uint64_t>& mask) const {
  mask.assign(words_, 0);
  std::vector<State> states(deepest_ + 1, state);  // states[depth]: before the byte at that depth
  bool any = false;
  for (size_t i = 0; i < nodes_.size();) {
    const Node& node = nodes_[i];
    const State next = automaton.next(states[node.depth], node.byte);
    if (next == kDead) {
      i = node.behind;
      continue;
    }
    states[node.depth + 1] = next;
    for (uint32_t t = node.first; t < node.first + node.count; ++t) {
      mask[tokens_[t] / 64] |= uint64_t{1} << tokens_[t] % 64;
      any = true;
    }
    ++i;
  }
  return any;
}

}  // namespace tern::grammar
