// SPDX-License-Identifier: Apache-2.0
// Changes of a step's scores before a token is chosen, in Transformers' order (generation/utils.py,
// _get_logits_processor): penalties and prohibitions always, cutoffs only when sampling.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "generation_config.h"
#include "grammar/constraint.h"

namespace tern {

class LogitsProcessors {
 public:
  /// prompt_length: tokens of a row before the first generated one, padding included.
  /// constraint: of config's grammar, null without one; shared by all that a call asks.
  LogitsProcessors(const GenerationConfig& config, int64_t prompt_length, int64_t max_length,
                   std::shared_ptr<grammar::Constraint> constraint);

  /// What a row holds, padding included.
  struct Row {
    std::span<const int64_t> tokens;       // so far
    std::span<const int64_t> source = {};  // the encoder's, or the prompt
    int64_t padding = 0;                   // tokens at the beginning that are no text
  };
  /// scores [vocabulary] of the token after `row`, in place.
  void operator()(const Row& row, std::span<float> scores) const;

 private:
  void forbid(const Row& row, std::span<float> scores) const;
  void force(std::span<const int64_t> tokens, std::span<float> scores) const;
  void cut(std::span<float> scores) const;
  void end_sooner(int64_t length, std::span<float> scores) const;
  void cut_typical(std::span<float> scores) const;
  void cut_top_h(std::span<float> scores) const;
  size_t least_kept() const;

  GenerationConfig config_;
  int64_t prompt_length_, max_length_;
  std::shared_ptr<grammar::Constraint> constraint_;
};

/// invalid_argument when every token is forbidden.
void check_any_possible(std::span<const float> scores);
/// log softmax in place, sums in double.
void log_softmax(std::span<float> scores);
/// exp(log softmax), as doubles.
std::vector<double> probabilities(std::span<const float> scores);

}  // namespace tern
