// SPDX-License-Identifier: Apache-2.0
// Json values made, read, copied, moved, taken apart and put together at random, some of it out of
// memory, against trees of standard containers.
#include <doctest/doctest.h>

#include <array>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "../../../engine/base/format.h"
#include "../../../hub/formats/json.h"
#include "../../allocations.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

struct Model {
  std::string scalar = "null";
  char open = '\0';  // '[', '{' or none
  std::vector<std::pair<std::string, Model>> children = {};

  std::string text() const {
    if (open == '\0') return scalar;
    std::string out(1, open);
    for (const auto& [name, child] : children) {
      if (out.size() > 1) out += ',';
      if (open == '{') out += json_quote(name) + ":";
      out += child.text();
    }
    return out + (open == '[' ? ']' : '}');
  }
};

/// A value under test and what it should be.
struct Pair {
  Json json = {};
  Model model = {};
};

constexpr size_t kSlots = 8, kMostText = 20'000;

class Player {
 public:
  explicit Player(unsigned seed) : random_(seed) {}

  void step() {
    Pair& to = slots_[below(kSlots)];
    const Pair& from = slots_[below(kSlots)];
    switch (below(8)) {
      case 0:
        return to = scalar(), void();
      case 1:
        return copy(to, from);
      case 2:
        return move(to, slots_[below(kSlots)]);
      case 3:
        return read(to, from);
      case 4:
        return take_part(to, from);
      default:
        return build(to);
    }
  }
  /// The slots, and whether each is what it should be.
  bool right() const {
    for (const Pair& slot : slots_) {
      if (slot.json.dump() != slot.model.text()) return false;
    }
    return true;
  }
  size_t failures() const { return failures_; }

 private:
  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  std::string random_text() {
    std::string out(below(4) == 0 ? below(300) : below(12), 'x');
    for (char& c : out) c = "ab\"\\\n\t/"[below(7)];
    return out;
  }

  Pair scalar() {
    switch (below(5)) {
      case 0:
        return {};
      case 1: {
        const bool value = below(2) == 0;
        return {Json::make(value), {value ? "true" : "false"}};
      }
      case 2: {
        const auto value = static_cast<int64_t>(below(1000));
        return {Json::make(value), {cat(value)}};
      }
      default: {
        const std::string text = random_text();
        return {Json::make(std::string_view(text)), {json_quote(text)}};
      }
    }
  }

  /// Sometimes out of memory: then `call` must have changed nothing.
  template <class Call>
  bool may_fail(const Call& call) {
    const FailAllocation failing(below(4) == 0 ? 1 + below(6) : 0);
    try {
      call();
      return true;
    } catch (const std::bad_alloc&) {
      ++failures_;
      return false;
    }
  }

  void copy(Pair& to, const Pair& from) {
    if (!may_fail([&] { to.json = from.json; })) return;
    to.model = Model(from.model);
  }

  void move(Pair& to, Pair& from) {
    Json& source = from.json;  // may be to's own
    if (below(2) == 0) {
      to.json = std::move(source);
    } else {
      Json between = std::move(source);
      to.json = std::move(between);
    }
    to.model = Model(from.model);
    if (&to != &from) from = scalar();
  }

  void read(Pair& to, const Pair& from) {
    const std::string text = from.model.text();
    if (may_fail([&] { to.json = Json::parse(text, "text"); })) to.model = Model(from.model);
  }

  void take_part(Pair& to, const Pair& from) {
    const size_t count = from.model.children.size();
    if (count == 0) return;
    const size_t i = below(count);
    const Json& part =
        from.model.open == '[' ? from.json.elements()[i] : from.json.members()[i].second;
    if (!may_fail([&] { to.json = part; })) return;
    const Model model = from.model.children[i].second;
    to.model = model;
  }

  /// A container of slots, some of which give away what they have.
  void build(Pair& to) {
    Model model{.open = below(2) == 0 ? '[' : '{'};
    std::vector<Json> elements;
    std::vector<Json::NewMember> members;
    for (size_t i = below(below(4) == 0 ? 40 : 5); i > 0; --i) {
      Pair& child = slots_[below(kSlots)];
      model.children.emplace_back(model.open == '{' ? random_text() : "", child.model);
      Json json = below(2) == 0 ? Json(child.json) : std::exchange(child, scalar()).json;
      if (model.open == '[') {
        elements.push_back(std::move(json));
      } else {
        members.emplace_back(model.children.back().first, std::move(json));
      }
    }
    if (model.text().size() > kMostText) return;
    const bool built = may_fail([&] {
      to.json =
          model.open == '[' ? Json::array(std::move(elements)) : Json::object(std::move(members));
    });
    if (built) to.model = std::move(model);
  }

  std::mt19937 random_;
  std::array<Pair, kSlots> slots_;
  size_t failures_ = 0;
};

}  // namespace

TEST_CASE("values that are copied, moved, nested and taken apart at random stay what they are") {
  constexpr unsigned kSeed = 20261126;
  CAPTURE(kSeed);
  const size_t live = live_bytes();
  size_t failures = 0;
  for (unsigned game = 0; game < 100; ++game) {
    CAPTURE(game);
    Player player(kSeed + game);
    for (int step = 0; step < 200; ++step) {
      CAPTURE(step);
      player.step();
      REQUIRE(player.right());
    }
    failures += player.failures();
  }
  CHECK(failures > 500);
  CHECK(live_bytes() == live);
}
