// SPDX-License-Identifier: Apache-2.0
// Constraint: which tokens may come next where the text of what is generated must be one of a
// Grammar's. A token counts with the bytes that it adds within a text, special ones with none and
// never allowed, but for the ends, which are where the grammar may end.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "../../text/token_table.h"
#include "../../text/tokenizer.h"
#include "automaton.h"

namespace tern::grammar {

class Constraint {
 public:
  Constraint(Grammar grammar, Tokenizer tokenizer, std::vector<int64_t> ends);

  /// Makes impossible what may not follow `generated`, the tokens of a row behind its prompt. Any
  /// rows in any order; one that begins as an earlier one is read on from there. A row that the
  /// grammar does not allow is followed by nothing, one that has ended by an end. `scores`: of each
  /// token of the model, which may have fewer than its tokenizer, or more; as many in every call.
  /// Errors are the automaton's.
  void operator()(std::span<const int64_t> generated, std::span<float> scores);

 private:
  State state_of(std::span<const int64_t> generated);
  bool is_end(int64_t token) const;
  /// Bit id % 64 of element id / 64 for each of `count` tokens that can be read from `state`; ends
  /// are not read.
  const std::vector<uint64_t>& mask_of(State state, size_t count);

  Automaton automaton_;
  Tokenizer tokenizer_;
  const text::TokenTable& table_;  // tokenizer_'s
  std::vector<int64_t> ends_;
  /// Rows as a tree of tokens: where a token leads from a node; node 0 is before the first.
  std::unordered_map<uint64_t, uint32_t> children_;
  std::vector<State> states_;  // of nodes
  std::unordered_map<State, std::vector<uint64_t>> masks_;
};

}  // namespace tern::grammar
