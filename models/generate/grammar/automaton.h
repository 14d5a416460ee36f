// SPDX-License-Identifier: Apache-2.0
// Automaton: reads a text byte by byte along all ways that a Grammar has for it. A way is a place
// and a stack of places to return to; stacks are linked lists that share their tails, each list
// once. A state is a set of ways; it is made when it is first come to, and numbered, so that what
// has been read once is a look-up in a table: of structures that repeat, stacks included, most is.
// Not for several threads.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "grammar.h"

namespace tern::grammar {

/// A number; kDead where the text cannot be.
using State = uint32_t;
inline constexpr State kDead = 0;

class Automaton {
 public:
  explicit Automaton(Grammar grammar);

  /// Before the first byte. invalid_argument as next().
  State start();
  /// invalid_argument: more ways at once, or more work or memory since clear() or budget(), than a
  /// grammar that is meant to be read needs.
  State next(State state, uint8_t byte) {
    const State known = table_[state * classes_ + class_of_[byte]];
    return known != kUnknown ? known : make_next(state, byte);
  }
  /// Whether the text may end here.
  bool may_end(State state) const noexcept { return states_[state].ends; }

  /// A new token or text: the work for it is counted from here.
  void budget() noexcept { work_ = 0; }
  /// So many bytes are taken that clear() is due; states are then no longer valid.
  bool full() const noexcept { return bytes_ > kMostBytes; }
  void clear();

 private:
  static constexpr size_t kMostBytes = size_t{32} << 20;
  static constexpr State kUnknown = UINT32_MAX;

  /// A place and a stack.
  struct Way {
    uint32_t place, stack;
    bool operator==(const Way&) const = default;
    uint64_t key() const noexcept { return uint64_t{place} << 32 | stack; }
  };
  struct Frame {
    uint32_t place, below;
  };
  struct Set {
    size_t first = 0;  // in ways_
    uint32_t count = 0;
    bool ends = false;
  };

  State make_next(State state, uint8_t byte);
  /// Comes to places that stand for others until bytes are to be read: into found_ and ends_.
  void come_to(Way way);
  uint32_t pushed(uint32_t place, uint32_t stack);
  State state_of_found();
  void charge(size_t bytes);
  void work();
  bool same(const Set& set) const;

  Grammar grammar_;
  std::array<uint8_t, 256> class_of_ = {};  // bytes that all edges treat alike
  size_t classes_ = 1;

  std::vector<Frame> frames_;  // 0: the empty stack
  std::unordered_map<uint64_t, uint32_t> frame_of_;
  std::vector<Set> states_;
  std::vector<Way> ways_;  // of all states
  std::unordered_multimap<uint64_t, State> state_of_;
  std::vector<State> table_;  // [states, classes]
  size_t bytes_ = 0, work_ = 0;

  // Of the state that is being made.
  std::vector<Way> found_, waiting_;
  std::unordered_set<uint64_t> visited_;
  bool ends_ = false;
};

}  // namespace tern::grammar
