// SPDX-License-Identifier: Apache-2.0
#include "left_recursion.h"

#include <algorithm>

namespace tern::grammar {

namespace {

/// Finds, for all rules at once, the places that a reader of each reaches without reading a byte.
class Beginnings {
 public:
  explicit Beginnings(const Grammar& grammar)
      : grammar_(grammar),
        reached_(grammar.places.size()),
        owner_(grammar.places.size()),
        empty_(grammar.rules.size()),
        callers_(grammar.rules.size()),
        begins_with_(grammar.rules.size()) {
    for (uint32_t rule = 0; rule < grammar.rules.size(); ++rule) reach(grammar.rules[rule], rule);
    while (!waiting_.empty()) {
      const uint32_t place = waiting_.back();
      waiting_.pop_back();
      look_at(place, owner_[place]);
    }
  }

  /// For each rule, those that may stand at its beginning.
  const std::vector<std::vector<uint32_t>>& begins_with() const noexcept { return begins_with_; }

 private:
  void reach(uint32_t place, uint32_t rule) {
    if (reached_[place]) return;
    reached_[place] = true;
    owner_[place] = rule;
    waiting_.push_back(place);
  }

  void look_at(uint32_t at, uint32_t rule) {
    const Place& place = grammar_.places[at];
    if (place.kind == Place::Kind::split) {
      for (uint32_t e = place.edge; e != UINT32_MAX; e = grammar_.edges[e].following)
        reach(grammar_.edges[e].to, rule);
    } else if (place.kind == Place::Kind::call) {
      begins_with_[rule].push_back(place.rule);
      if (empty_[place.rule]) return reach(place.next, rule);
      callers_[place.rule].push_back(at);
    } else if (place.kind == Place::Kind::end && !empty_[rule]) {
      empty_[rule] = true;
      for (const uint32_t caller : callers_[rule])
        reach(grammar_.places[caller].next, owner_[caller]);
    }
  }

  const Grammar& grammar_;
  std::vector<bool> reached_;
  std::vector<uint32_t> owner_;  // the rule of a place that is reached
  std::vector<bool> empty_;      // rules that may read nothing
  std::vector<std::vector<uint32_t>> callers_, begins_with_;
  std::vector<uint32_t> waiting_;
};

}  // namespace

std::vector<uint32_t> left_recursion(const Grammar& grammar) {
  const Beginnings beginnings(grammar);
  const auto& next = beginnings.begins_with();
  enum : char { kNew, kOnPath, kDone };
  std::vector<char> state(next.size(), kNew);
  struct Step {
    uint32_t rule;
    size_t tried;
  };
  std::vector<Step> path;
  for (uint32_t start = 0; start < next.size(); ++start) {
    if (state[start] == kNew) path.push_back({start, 0});
    while (!path.empty()) {
      Step& step = path.back();
      state[step.rule] = kOnPath;
      if (step.tried == next[step.rule].size()) {
        state[step.rule] = kDone;
        path.pop_back();
        continue;
      }
      const uint32_t to = next[step.rule][step.tried++];
      if (state[to] == kNew) path.push_back({to, 0});
      if (state[to] != kOnPath) continue;
      const auto first =
          std::find_if(path.begin(), path.end(), [to](const Step& s) { return s.rule == to; });
      std::vector<uint32_t> out;
      for (auto it = first; it != path.end(); ++it) out.push_back(it->rule);
      return out;
    }
  }
  return {};
}

}  // namespace tern::grammar
