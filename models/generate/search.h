// SPDX-License-Identifier: Apache-2.0
// What the searches share: the rows that grow, and how long they may become.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "generate.h"
#include "logits_processors.h"
#include "stepper.h"
#include "stop_strings.h"

namespace tern {

using TokenRows = std::vector<std::vector<int64_t>>;

struct Search {
  Context& ctx;
  const CausalModel& model;
  const GenerationConfig& config;
  TokenRows whole;  // rows as they were given: what processors see and what is returned
  TokenRows real;   // without padding: what is computed
  int64_t prompt_length, max_length;
  int64_t positions = 0;  // the model's; 0 = no limit
  const GenerateHooks& hooks;
  std::optional<StopStrings> stop = {};
  /// Of an encoder–decoder: one source for each prompt.
  const Encoded* encoded = nullptr;
  /// The same of the assistant's encoder.
  const Encoded* assistant_encoded = nullptr;
  /// The ids of those, or the prompts, one row for each; empty where no processor reads them.
  TokenRows sources = {};
  /// How many tokens each prompt begins with that its mask hides; empty: none.
  std::vector<int64_t> padding = {};
  PromptColumns columns = {};
  /// Of guidance_scale, where given: as `real` and `columns`, one for each prompt.
  TokenRows negative = {};
  PromptColumns negative_columns = {};
  /// When max_time is over.
  std::optional<std::chrono::steady_clock::time_point> until = {};
  std::shared_ptr<grammar::Constraint> constraint = {};

  /// An end-of-sequence token.
  bool ends(int64_t token) const;
  /// pad_token_id, else the first eos; -1 when there is neither.
  int64_t pad_token() const;
  bool out_of_time() const { return until && std::chrono::steady_clock::now() > *until; }
  Stepper stepper(int64_t slots) const {
    return {ctx,
            model,
            {slots, max_length, config.use_cache, config.quantizes_cache(), encoded,
             hooks.past_key_values, columns.prompts() > 0 ? &columns : nullptr}};
  }
  /// Guesses that a row has room for, when one more token follows them.
  int64_t room(int64_t row) const;
  void push(int64_t row, int64_t token) {
    whole[static_cast<size_t>(row)].push_back(token);
    real[static_cast<size_t>(row)].push_back(token);
  }
  /// Row `index` of `rows` as processors see it.
  LogitsProcessors::Row row(const std::vector<int64_t>& tokens, size_t index, size_t rows) const {
    LogitsProcessors::Row row{tokens};
    if (!sources.empty()) row.source = sources[index / (rows / sources.size())];
    if (!padding.empty()) row.padding = padding[index / (rows / padding.size())];
    return row;
  }
  LogitsProcessors processors() const { return {config, prompt_length, max_length, constraint}; }
};

struct Found {
  TokenRows sequences;
  std::vector<float> scores;        // of beams
  std::vector<Tensor> step_logits;  // [rows, vocabulary] per step, when asked for
};

/// Greedy search and sampling.
Found search_tokens(Search search);
/// Beam search and beam sampling; rows of `search` are one per prompt.
Found search_beams(Search search);

/// An index with probability p[i] / sum, sum being that of p; `state` is splitmix64's.
/// invalid_argument when p holds a NaN: the logits were no numbers, or every token is forbidden.
size_t draw(const std::vector<double>& p, double sum, uint64_t& state);

}  // namespace tern
