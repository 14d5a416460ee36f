// SPDX-License-Identifier: Apache-2.0
#include "token_table.h"

#include <algorithm>

namespace tern::text {

TokenTable::TokenTable(std::vector<std::pair<std::string, uint32_t>> tokens) {
  std::sort(tokens.begin(), tokens.end());
  ids_.reserve(tokens.size());
  std::vector<uint32_t> path;  // nodes of the last token
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].behind = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view last;
  for (const auto& [token, id] : tokens) {
    const size_t common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), token.begin(), token.end()).first - last.begin());
    leave(common);
    for (size_t depth = common; depth < token.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(ids_.size()), static_cast<uint32_t>(depth),
                        static_cast<uint8_t>(token[depth])});
    }
    ids_.push_back(id);
    deepest_ = std::max(deepest_, token.size());
    last = token;
  }
  leave(0);
  nodes_.push_back({0, static_cast<uint32_t>(ids_.size()), 0, 0});
  nodes_.shrink_to_fit();  // it is kept as long as the tokenizer
}

}  // namespace tern::text
