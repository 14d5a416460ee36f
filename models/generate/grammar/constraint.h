// SPDX-License-Identifier: Apache-2.0
// Constraint: which tokens may come next where the text of what is generated must be one of a
// Grammar's. A token counts with the bytes that it adds within a text, special ones with none and
// never allowed, but for the ends, which are where the grammar may end.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "../../text/tokenizer.h"
#include "automaton.h"
#include "token_trie.h"

namespace tern::grammar {

class Constraint {
 public:
  Constraint(Grammar grammar, Tokenizer tokenizer, std::vector<int64_t> ends);

  /// Makes impossible what may not follow `generated`, the tokens of a row behind its prompt. Any
  /// rows in any order; one that begins as an earlier one is read on from there. A row that the
  /// grammar does not allow is followed by nothing, one that has ended by an end. Errors are the
  /// automaton's.
  void operator()(std::span<const int64_t> generated, std::span<float> scores);

 private:
  State state_of(std::span<const int64_t> generated);
  const std::vector<uint64_t>& mask_of(State state);
  void read_tokens(size_t count);

  Automaton automaton_;
  Tokenizer tokenizer_;
  std::vector<int64_t> ends_;
  std::vector<std::string> bytes_;  // of each token of the model
  std::optional<TokenTrie> trie_;
  /// Rows as a tree of tokens: where a token leads from a node; node 0 is before the first.
  std::unordered_map<uint64_t, uint32_t> children_;
  std::vector<State> states_;  // of nodes
  std::unordered_map<State, std::vector<uint64_t>> masks_;
};

}  // namespace tern::grammar
