// SPDX-License-Identifier: Apache-2.0
#include "automaton.h"

#include <algorithm>
#include <bitset>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::grammar {

namespace {

constexpr size_t kMostWays = size_t{1} << 13;
constexpr size_t kMostWork = size_t{1} << 23;  // places and edges looked at, for one token
/// Beyond this many times kMostBytes one token alone has taken too much.
constexpr size_t kOverfull = 4;
constexpr size_t kBytesOfEntry = 48;  // of a hash table, roughly

[[noreturn]] void fail_ambiguous(const std::string& problem) {
  fail(ErrorCode::invalid_argument,
       cat("grammar: ", problem, ": write it so that a text can be read in fewer ways"));
}

}  // namespace

Automaton::Automaton(Grammar grammar) : grammar_(std::move(grammar)) {
  std::bitset<257> borders;
  for (const Edge& edge : grammar_.edges) {
    borders.set(edge.low);
    borders.set(size_t{edge.high} + 1);
  }
  uint8_t current = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && borders[byte]) ++current;
    class_of_[byte] = current;
  }
  classes_ = size_t{current} + 1;
  clear();
}

void Automaton::clear() {
  frames_.assign(1, {});
  frame_of_.clear();
  states_.assign(1, {});
  ways_.clear();
  state_of_.clear();
  table_.assign(classes_, kDead);
  bytes_ = work_ = 0;
}

void Automaton::charge(size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > kOverfull * kMostBytes) fail_ambiguous("one token leads to too many states");
}

void Automaton::work() {
  if (++work_ > kMostWork) fail_ambiguous("one token takes too much work");
}

uint32_t Automaton::pushed(uint32_t place, uint32_t stack) {
  const auto [at, fresh] =
      frame_of_.try_emplace(Way{place, stack}.key(), static_cast<uint32_t>(frames_.size()));
  if (fresh) {
    frames_.push_back({place, stack});
    charge(sizeof(Frame) + kBytesOfEntry);
  }
  return at->second;
}

void Automaton::come_to(Way begin) {
  waiting_.assign(1, begin);
  while (!waiting_.empty()) {
    const Way way = waiting_.back();
    waiting_.pop_back();
    if (!visited_.insert(way.key()).second) continue;
    work();
    const Place& place = grammar_.places[way.place];
    switch (place.kind) {
      case Place::Kind::bytes:
        found_.push_back(way);
        if (found_.size() > kMostWays)
          fail_ambiguous(cat("the text can be read in more than ", kMostWays, " ways at once"));
        break;
      case Place::Kind::split:
        for (uint32_t e = place.edge; e != UINT32_MAX; e = grammar_.edges[e].following)
          waiting_.push_back({grammar_.edges[e].to, way.stack});
        break;
      case Place::Kind::call: {
        // What is left behind at the end of a rule need not be returned to: lists may recurse at
        // their end without a stack that grows.
        const bool last = grammar_.places[place.next].kind == Place::Kind::end;
        waiting_.push_back(
            {grammar_.rules[place.rule], last ? way.stack : pushed(place.next, way.stack)});
        break;
      }
      case Place::Kind::end:
        if (way.stack == 0) {
          ends_ = true;
        } else {
          waiting_.push_back({frames_[way.stack].place, frames_[way.stack].below});
        }
        break;
    }
  }
}

bool Automaton::same(const Set& set) const {
  return set.count == found_.size() && set.ends == ends_ &&
         std::equal(found_.begin(), found_.end(),
                    ways_.begin() + static_cast<std::ptrdiff_t>(set.first));
}

State Automaton::state_of_found() {
  visited_.clear();
  if (found_.empty() && !ends_) return kDead;
  std::sort(found_.begin(), found_.end(), [](Way a, Way b) { return a.key() < b.key(); });
  uint64_t hash = ends_ ? 1 : 0;
  for (const Way way : found_) hash = (hash ^ way.key()) * 0x9E3779B97F4A7C15 + (hash >> 29);
  const auto [from, to] = state_of_.equal_range(hash);
  for (auto it = from; it != to; ++it) {
    if (same(states_[it->second])) return it->second;
  }
  charge(found_.size() * sizeof(Way) + classes_ * sizeof(State) + sizeof(Set) + kBytesOfEntry);
  const auto state = static_cast<State>(states_.size());
  states_.push_back({ways_.size(), static_cast<uint32_t>(found_.size()), ends_});
  ways_.insert(ways_.end(), found_.begin(), found_.end());
  table_.resize(table_.size() + classes_, kUnknown);
  state_of_.emplace(hash, state);
  return state;
}

State Automaton::start() {
  found_.clear(), visited_.clear(), ends_ = false;
  come_to({grammar_.rules[grammar_.root], 0});
  return state_of_found();
}

State Automaton::make_next(State state, uint8_t byte) {
  found_.clear(), visited_.clear(), ends_ = false;
  const Set from = states_[state];
  for (size_t i = from.first; i < from.first + from.count; ++i) {
    const Way way = ways_[i];
    for (uint32_t e = grammar_.places[way.place].edge; e != UINT32_MAX;) {
      work();
      const Edge& edge = grammar_.edges[e];
      if (byte >= edge.low && byte <= edge.high) come_to({edge.to, way.stack});
      e = edge.following;
    }
  }
  return table_[state * classes_ + class_of_[byte]] = state_of_found();
}

}  // namespace tern::grammar
