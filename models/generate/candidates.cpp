// SPDX-License-Identifier: Apache-2.0
#include "candidates.h"

#include <algorithm>
#include <cmath>

namespace tern {

namespace {

/// After a wrong guess a row gets one more than were right, after right ones twice as many:
/// checking is not free where compute is what limits.
class PromptLookup final : public Candidates {
 public:
  explicit PromptLookup(const Search& s)
      : limit_(s.config.prompt_lookup_num_tokens), most_(s.real.size(), limit_) {}

  void guess(Search& s, std::span<const int64_t> active) override {
    for (const int64_t row : active) {
      const std::span<const int64_t> next =
          looked_up(s.real[static_cast<size_t>(row)], s.config.max_matching_ngram_size,
                    std::min(most_[static_cast<size_t>(row)], s.room(row)));
      next_.assign(next.begin(), next.end());  // the row may move as it grows
      for (const int64_t token : next_) s.push(row, token);
    }
  }

  void learn(int64_t row, int64_t guessed, int64_t right) override {
    most_[static_cast<size_t>(row)] = std::min(limit_, right == guessed ? 2 * right : right + 1);
  }

 private:
  int64_t limit_;
  std::vector<int64_t> most_;  // per row
  std::vector<int64_t> next_;
};

/// exp(score) / Σ exp(scores)
double probability(std::span<const float> scores, float score) {
  double sum = 0;
  for (const float other : scores) sum += std::exp(static_cast<double>(other - score));
  return 1 / sum;
}

class Assistant final : public Candidates {
 public:
  explicit Assistant(const Search& s)
      : stepper_(s.ctx, *s.hooks.assistant_model->causal(),
                 {static_cast<int64_t>(s.real.size()), s.max_length, true,
                  s.config.quantizes_cache(), s.assistant_encoded,
                  s.hooks.past_key_values ? &s.hooks.past_key_values->assistant() : nullptr}),
        process_(s.processors()),
        positions_(s.hooks.assistant_model->max_length()),
        grows_(s.config.num_assistant_tokens_schedule != "constant"),
        most_(s.real.size(), s.config.num_assistant_tokens),
        left_(s.real.size()) {}

  void guess(Search& s, std::span<const int64_t> active) override {
    going_.clear();
    for (const int64_t row : active) {
      const auto length = static_cast<int64_t>(s.real[static_cast<size_t>(row)].size());
      // Of the last guesses the right ones stand in the row; what follows them was wrong.
      stepper_.crop(row, length - 1);
      int64_t& left = left_[static_cast<size_t>(row)];
      left = std::min(most_[static_cast<size_t>(row)], s.room(row));
      if (positions_ > 0) left = std::min(left, positions_ - length);
      if (left > 0) going_.push_back(row);
    }
    while (!going_.empty()) step(s);
  }

  void learn(int64_t row, int64_t guessed, int64_t right) override {
    if (!grows_ || guessed == 0) return;
    int64_t& most = most_[static_cast<size_t>(row)];
    most = right == guessed ? most + 2 : std::max<int64_t>(1, most - 1);
  }

  void keep(const Search& s) override { stepper_.keep(s.real); }

 private:
  void step(Search& s) {
    const Tensor logits = stepper_.logits(s.real, going_);
    const int64_t vocabulary = logits.dim(1);
    still_.clear();
    for (size_t i = 0; i < going_.size(); ++i) {
      const int64_t row = going_[i];
      const std::span<float> scores(logits.data<float>() + static_cast<int64_t>(i) * vocabulary,
                                    static_cast<size_t>(vocabulary));
      process_(s.row(s.whole[static_cast<size_t>(row)], static_cast<size_t>(row), s.whole.size()),
               scores);
      const auto best = std::max_element(scores.begin(), scores.end());
      const int64_t token = best - scores.begin();
      s.push(row, token);
      if (--left_[static_cast<size_t>(row)] == 0 || s.ends(token)) continue;
      // Last, for it goes through the vocabulary once more.
      const double threshold = s.config.assistant_confidence_threshold;
      if (threshold == 0 || probability(scores, *best) >= threshold) still_.push_back(row);
    }
    going_.swap(still_);
  }

  Stepper stepper_;
  LogitsProcessors process_;
  int64_t positions_;
  bool grows_;
  std::vector<int64_t> most_, left_;  // per row: guesses of a step, and those still to make
  std::vector<int64_t> going_, still_;
};

}  // namespace

std::span<const int64_t> looked_up(std::span<const int64_t> tokens, int64_t ngram, int64_t most) {
  if (most < 1) return {};
  const size_t size = tokens.size(), wanted = static_cast<size_t>(most);
  for (size_t n = std::min(static_cast<size_t>(ngram), size - std::min<size_t>(size, 1)); n > 0;
       --n) {
    const std::span<const int64_t> last = tokens.last(n);
    std::span<const int64_t> best;
    for (size_t at = 0; at + n < size; ++at) {
      if (!std::equal(last.begin(), last.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at)))
        continue;
      const std::span<const int64_t> next = tokens.subspan(at + n);
      if (best.empty() || next.size() >= wanted) best = next.first(std::min(next.size(), wanted));
    }
    if (!best.empty()) return best;
  }
  return {};
}

std::unique_ptr<Candidates> make_candidates(const Search& s) {
  if (s.model.depends_on_length()) return nullptr;
  if (s.config.prompt_lookup_num_tokens > 0) return std::make_unique<PromptLookup>(s);
  if (!s.hooks.assistant_model) return nullptr;
  return std::make_unique<Assistant>(s);
}

}  // namespace tern
