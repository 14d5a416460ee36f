// SPDX-License-Identifier: Apache-2.0
// Candidates: guesses of the tokens that come next, which the model checks in one step. What a
// search finds stays the same, bit for bit; it only takes fewer steps. Guesses come of a smaller
// model (assisted generation, Leviathan et al. 2023) or of what the row holds already (prompt
// lookup, Saxena 2023), as in Transformers' candidate_generator.py.
#pragma once

#include <memory>
#include <span>

#include "search.h"

namespace tern {

class Candidates {
 public:
  virtual ~Candidates() = default;
  /// Appends guesses to the rows of `active`, to search.whole and search.real alike, to each at
  /// most search.room(row).
  virtual void guess(Search& search, std::span<const int64_t> active) = 0;
  /// Of the guesses for a row so many were right.
  virtual void learn(int64_t /*row*/, int64_t /*guessed*/, int64_t /*right*/) {}
  /// The search is over: what the next one can go on from stays with hooks.past_key_values.
  virtual void keep(const Search& /*search*/) {}
};

/// Null when none are asked for, and for a model whose numbers depend on the length that the row
/// will have: there a checked token would not be the one that is computed alone.
std::unique_ptr<Candidates> make_candidates(const Search& search);

/// What followed the last tokens of `tokens` where they stood before: `most` tokens at most, of the
/// longest match of up to `ngram` tokens; the latest place that has as many, else the first one.
std::span<const int64_t> looked_up(std::span<const int64_t> tokens, int64_t ngram, int64_t most);

}  // namespace tern
