// SPDX-License-Identifier: Apache-2.0
// Greedy search and sampling: every row goes its own way until it ends.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../../engine/base/error.h"
#include "search.h"

namespace tern {

namespace {

/// Rows up to this length grow without taking memory anew.
constexpr size_t kReservedLength = 1 << 12;

/// A uniform number in [0, 1) from 53 bits.
double uniform(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
}

}  // namespace

size_t draw(const std::vector<double>& p, double sum, uint64_t& state) {
  double rest = sum * uniform(state);
  size_t last = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (std::isnan(p[i])) {
      fail(ErrorCode::invalid_argument,
           "generate: no token can be drawn: the logits are no numbers, or every token is "
           "forbidden");
    }
    if (p[i] <= 0) continue;
    last = i;
    rest -= p[i];
    if (rest < 0) break;
  }
  return last;
}

bool Search::ends(int64_t token) const {
  return std::find(config.eos_token_id.begin(), config.eos_token_id.end(), token) !=
         config.eos_token_id.end();
}

int64_t Search::padding() const {
  if (config.pad_token_id) return *config.pad_token_id;
  return config.eos_token_id.empty() ? -1 : config.eos_token_id.front();
}

Found search_tokens(Search s) {
  const size_t rows = s.whole.size();
  Stepper stepper = s.stepper(static_cast<int64_t>(rows));
  const LogitsProcessors process = s.processors();
  uint64_t random = s.config.seed;
  std::vector<int64_t> active(rows), still;
  std::iota(active.begin(), active.end(), 0);
  for (TokenRows* list : {&s.whole, &s.real}) {
    for (std::vector<int64_t>& row : *list)
      row.reserve(std::min(static_cast<size_t>(s.max_length), kReservedLength));
  }
  Found found;
  for (int64_t length = s.prompt_length; length < s.max_length && !active.empty(); ++length) {
    const Tensor logits = stepper.logits(s.real, active);
    const int64_t vocabulary = logits.dim(1);
    if (s.config.output_logits) {
      Tensor step = Tensor::empty(DType::f32, {static_cast<int64_t>(rows), vocabulary});
      std::fill_n(step.data<float>(), step.numel(), 0.0F);  // rows that have ended
      for (size_t i = 0; i < active.size(); ++i) {
        std::copy_n(logits.data<float>() + static_cast<int64_t>(i) * vocabulary, vocabulary,
                    step.data<float>() + active[i] * vocabulary);
      }
      found.step_logits.push_back(step);
    }
    still.clear();
    for (size_t i = 0; i < active.size(); ++i) {
      const auto row = static_cast<size_t>(active[i]);
      const std::span<float> scores(logits.data<float>() + static_cast<int64_t>(i) * vocabulary,
                                    static_cast<size_t>(vocabulary));
      process(s.row(s.whole[row], row, rows), scores);
      const auto token = static_cast<int64_t>(
          s.config.do_sample ? draw(probabilities(scores), 1, random)
                             : static_cast<size_t>(std::max_element(scores.begin(), scores.end()) -
                                                   scores.begin()));
      s.whole[row].push_back(token);
      s.real[row].push_back(token);
      bool goes_on = !s.ends(token) && !(s.stop && s.stop->end_in_last(s.whole[row]));
      if (s.hooks.on_token && !s.hooks.on_token(active[i], token)) goes_on = false;
      if (goes_on) still.push_back(active[i]);
    }
    active.swap(still);
  }
  found.sequences = std::move(s.whole);
  return found;
}

}  // namespace tern
