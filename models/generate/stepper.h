// SPDX-License-Identifier: Apache-2.0
// Stepper: next-token logits of sequences that grow. With a cache each step computes only what is
// new; without, everything again, with the same bits.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "past_key_values.h"

namespace tern {

/// What stands beside the ids of each prompt's tokens (those that are computed); the last value of
/// a row is that of the token which follows the prompt.
struct PromptColumns {
  std::vector<std::vector<int64_t>> positions;  // they go on by one each; empty: 0, 1, …
  std::vector<std::vector<int64_t>> types;      // token_type_ids, which stay; empty: none

  int64_t prompts() const { return static_cast<int64_t>(std::max(positions.size(), types.size())); }
  int64_t position(int64_t prompt, int64_t token) const {
    if (positions.empty()) return token;
    const std::vector<int64_t>& row = positions[static_cast<size_t>(prompt)];
    const int64_t known = std::min(token, static_cast<int64_t>(row.size()) - 1);
    return row[static_cast<size_t>(known)] + token - known;
  }
  int64_t type(int64_t prompt, int64_t token) const {
    const std::vector<int64_t>& row = types[static_cast<size_t>(prompt)];
    return row[std::min(static_cast<size_t>(token), row.size() - 1)];
  }
};

struct StepperOptions {
  int64_t slots = 1;
  int64_t capacity = 1;  // no sequence is ever longer
  bool use_cache = true;
  bool quantize_cache = false;
  /// Of an encoder–decoder: each source serves the same number of consecutive slots.
  const Encoded* encoded = nullptr;
  /// Where the cache lies, with what it has got before; null: an own one.
  PastKeyValues* past = nullptr;
  /// Each prompt serves the same number of consecutive slots; null: there is nothing but ids.
  const PromptColumns* columns = nullptr;
};

class Stepper {
 public:
  Stepper(Context& ctx, const CausalModel& model, const StepperOptions& options);

  /// Of the tokens that follow rows[slot] for each slot of `active`: [active, vocabulary] f32. A
  /// row is its former self with tokens added. Of the last of these guesses[slot] are guesses, and
  /// the tokens that follow the row without them, with one of them and so on come one after
  /// another: [Σ (1 + guesses), vocabulary].
  Tensor logits(const std::vector<std::vector<int64_t>>& rows, std::span<const int64_t> active,
                std::span<const int64_t> guesses = {});
  /// Forgets what a slot has beyond `length` tokens.
  void crop(int64_t slot, int64_t length);
  /// Leaves the cache of `rows` to the past, if there is one.
  void keep(const std::vector<std::vector<int64_t>>& rows);
  /// Slot i goes on as slot sources[i] was.
  void select(std::span<const int64_t> sources);

 private:
  Context& ctx_;
  const CausalModel& model_;
  StepperOptions options_;
  std::unique_ptr<KvCache> own_;
  KvCache* cache_ = nullptr;
  /// Of the longest row, as if those that have ended went on.
  int64_t longest_ = 0;
  // Of a step, kept for their memory: what is new, its last rows, where the sequences lie.
  std::vector<int64_t> ids_, positions_, types_, last_;
  std::vector<Segment> segments_, sources_;
};

}  // namespace tern
