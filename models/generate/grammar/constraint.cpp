// SPDX-License-Identifier: Apache-2.0
#include "constraint.h"

#include <algorithm>
#include <limits>

namespace tern::grammar {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr size_t kMostMasks = size_t{32} << 20;  // bytes

}  // namespace

Constraint::Constraint(Grammar grammar, Tokenizer tokenizer, std::vector<int64_t> ends)
    : automaton_(std::move(grammar)),
      tokenizer_(std::move(tokenizer)),
      table_(tokenizer_.token_table()),
      ends_(std::move(ends)) {}

bool Constraint::is_end(int64_t token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

State Constraint::state_of(std::span<const int64_t> generated) {
  if (states_.empty()) states_.push_back(automaton_.start());
  uint32_t node = 0;
  for (const int64_t token : generated) {
    const auto id = static_cast<size_t>(token);
    const auto fresh = static_cast<uint32_t>(states_.size());
    const auto [child, missing] = children_.try_emplace(uint64_t{node} << 32 | id, fresh);
    if (missing) {
      automaton_.budget();
      State state = states_[node];
      const std::string bytes = is_end(token) ? "" : tokenizer_.token_bytes(token);
      for (const char byte : bytes) state = automaton_.next(state, static_cast<uint8_t>(byte));
      states_.push_back(state);
    }
    node = child->second;
  }
  return states_[node];
}

const std::vector<uint64_t>& Constraint::mask_of(State state, size_t count) {
  const auto known = masks_.find(state);
  if (known != masks_.end()) return known->second;
  std::vector<uint64_t> mask((count + 63) / 64);
  std::vector<State> states(table_.deepest() + 1, state);  // [depth]: before the byte at that depth
  const std::span<const text::TokenTable::Node> nodes = table_.nodes();
  for (size_t i = 0; i < nodes.size();) {
    const text::TokenTable::Node& node = nodes[i];
    const State next = automaton_.next(states[node.depth], node.byte);
    if (next == kDead) {
      i = node.behind;
      continue;
    }
    states[node.depth + 1] = next;
    for (const uint32_t id : table_.ending(node)) {
      if (id < count) mask[id / 64] |= uint64_t{1} << id % 64;
    }
    ++i;
  }
  for (const int64_t end : ends_) {
    const auto id = static_cast<size_t>(end);
    if (id < count) mask[id / 64] &= ~(uint64_t{1} << id % 64);
  }
  if ((masks_.size() + 1) * mask.size() * sizeof(uint64_t) > kMostMasks) masks_.clear();
  return masks_.emplace(state, std::move(mask)).first->second;
}

void Constraint::operator()(std::span<const int64_t> generated, std::span<float> scores) {
  if (automaton_.full()) {
    automaton_.clear();
    children_.clear();
    states_.clear();
    masks_.clear();
  }
  const State state = state_of(generated);
  automaton_.budget();
  const bool ended = !generated.empty() && is_end(generated.back());
  std::vector<std::pair<size_t, float>> kept;
  for (const int64_t end : ends_) {
    const auto id = static_cast<size_t>(end);
    if (id < scores.size() && automaton_.may_end(state)) kept.emplace_back(id, scores[id]);
  }
  if (ended) {
    std::fill(scores.begin(), scores.end(), kNever);
  } else {
    const std::vector<uint64_t>& mask = mask_of(state, scores.size());
    for (size_t id = 0; id < scores.size(); ++id) {
      if ((mask[id / 64] >> id % 64 & 1) == 0) scores[id] = kNever;
    }
  }
  for (const auto& [id, score] : kept) scores[id] = score;
}

}  // namespace tern::grammar
