// SPDX-License-Identifier: Apache-2.0
#include "token_table.h"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace tern::text {

TokenTable::TokenTable(std::span<const std::pair<std::string, uint32_t>> tokens)
    : ids_(tokens.size()) {
  std::iota(ids_.begin(), ids_.end(), 0U);  // places in `tokens`, until they are passed below
  std::sort(ids_.begin(), ids_.end(),
            [&](uint32_t a, uint32_t b) { return tokens[a] < tokens[b]; });
  std::vector<uint32_t> path;  // nodes of the last token
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].behind = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view last;
  for (uint32_t i = 0; i < ids_.size(); ++i) {
    const std::string_view token = tokens[ids_[i]].first;
    const size_t common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), token.begin(), token.end()).first - last.begin());
    leave(common);
    for (size_t depth = common; depth < token.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, i, static_cast<uint32_t>(depth), static_cast<uint8_t>(token[depth])});
    }
    ids_[i] = tokens[ids_[i]].second;
    deepest_ = std::max(deepest_, token.size());
    last = token;
  }
  leave(0);
  nodes_.push_back({0, static_cast<uint32_t>(ids_.size()), 0, 0});
  nodes_.shrink_to_fit();  // it is kept as long as the tokenizer
}

}  // namespace tern::text
