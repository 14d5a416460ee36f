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
    : automaton_(std::move(grammar)), tokenizer_(std::move(tokenizer)), ends_(std::move(ends)) {}

/// A model may have fewer tokens than its tokenizer, or more.
void Constraint::read_tokens(size_t count) {
  bytes_.reserve(count);
  for (size_t id = 0; id < count; ++id)
    bytes_.push_back(tokenizer_.token_bytes(static_cast<int64_t>(id)));
  for (const int64_t end : ends_) {
    if (end >= 0 && end < static_cast<int64_t>(count)) bytes_[static_cast<size_t>(end)].clear();
  }
  trie_.emplace(bytes_);
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
      for (const char byte : bytes_[id]) state = automaton_.next(state, static_cast<uint8_t>(byte));
      states_.push_back(state);
    }
    node = child->second;
  }
  return states_[node];
}

const std::vector<uint64_t>& Constraint::mask_of(State state) {
  const auto known = masks_.find(state);
  if (known != masks_.end()) return known->second;
  std::vector<uint64_t> mask;
  trie_->readable(automaton_, state, mask);
  if ((masks_.size() + 1) * mask.size() * sizeof(uint64_t) > kMostMasks) masks_.clear();
  return masks_.emplace(state, std::move(mask)).first->second;
}

void Constraint::operator()(std::span<const int64_t> generated, std::span<float> scores) {
  if (!trie_) read_tokens(scores.size());
  if (automaton_.full()) {
    automaton_.clear();
    children_.clear();
    states_.clear();
    masks_.clear();
  }
  const State state = state_of(generated);
  automaton_.budget();
  const bool ended =
      !generated.empty() && std::find(ends_.begin(), ends_.end(), generated.back()) != ends_.end();
  std::vector<std::pair<size_t, float>> kept;
  for (const int64_t end : ends_) {
    const auto id = static_cast<size_t>(end);
    if (id < scores.size() && automaton_.may_end(state)) kept.emplace_back(id, scores[id]);
  }
  if (ended) {
    std::fill(scores.begin(), scores.end(), kNever);
  } else {
    const std::vector<uint64_t>& mask = mask_of(state);
    for (size_t id = 0; id < scores.size(); ++id) {
      if ((mask[id / 64] >> id % 64 & 1) == 0) scores[id] = kNever;
    }
  }
  for (const auto& [id, score] : kept) scores[id] = score;
}

}  // namespace tern::grammar
