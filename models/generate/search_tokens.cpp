// SPDX-License-Identifier: Apache-2.0
// Greedy search and sampling: every row goes its own way until it ends. With guesses (candidates.h)
// a row takes several tokens in a step.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../../engine/base/error.h"
#include "candidates.h"
#include "guidance.h"

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

int64_t Search::pad_token() const {
  if (config.pad_token_id) return *config.pad_token_id;
  return config.eos_token_id.empty() ? -1 : config.eos_token_id.front();
}

int64_t Search::room(int64_t row) const {
  const auto index = static_cast<size_t>(row);
  int64_t most = max_length - static_cast<int64_t>(whole[index].size());
  auto place = static_cast<int64_t>(real[index].size());
  if (columns.prompts() > 0) {
    const auto rows = static_cast<int64_t>(real.size());
    place = columns.position(row / (rows / columns.prompts()), place);
  }
  if (positions > 0) most = std::min(most, positions - place);
  return most - 1;
}

namespace {

class TokenSearch {
 public:
  explicit TokenSearch(Search search)
      : s_(std::move(search)),
        stepper_(s_.stepper(static_cast<int64_t>(s_.whole.size()))),
        process_(s_.processors()),
        candidates_(make_candidates(s_)),
        guesses_(s_.whole.size()),
        active_(s_.whole.size()) {
    if (s_.config.guidance_scale != 1) guidance_.emplace(s_);
    std::iota(active_.begin(), active_.end(), 0);
    for (TokenRows* list : {&s_.whole, &s_.real}) {
      for (std::vector<int64_t>& row : *list)
        row.reserve(std::min(static_cast<size_t>(s_.max_length), kReservedLength));
    }
    // Each row draws from a stream of its own: its tokens do not depend on how the others go on.
    for (uint64_t row = 0; row < s_.whole.size(); ++row)
      random_.push_back(s_.config.seed + row * 0xD1342543DE82EF95);
  }

  Found run() {
    while (!active_.empty()) step();
    stepper_.keep(s_.real);
    if (candidates_) candidates_->keep(s_);
    found_.sequences = std::move(s_.whole);
    return std::move(found_);
  }

 private:
  /// Every active row goes on by its right guesses and one token more.
  void step() {
    if (candidates_) guess();
    const Tensor logits = stepper_.logits(s_.real, active_, guesses_);
    if (guidance_) guidance_->read(s_, active_);
    still_.clear();
    row_ = 0;
    float* scores = logits.data<float>();
    for (const int64_t row : active_) {
      if (advance(row, scores, static_cast<size_t>(logits.dim(1)))) still_.push_back(row);
      scores += (guesses_[static_cast<size_t>(row)] + 1) * logits.dim(1);
      ++row_;
    }
    active_.swap(still_);
    if (s_.out_of_time()) active_.clear();
  }

  /// Leaves guesses in the rows of `real` alone, and how many they are in guesses_.
  void guess() {
    for (const int64_t row : active_) {
      const auto i = static_cast<size_t>(row);
      guesses_[i] = static_cast<int64_t>(s_.whole[i].size());
    }
    candidates_->guess(s_, active_);
    for (const int64_t row : active_) {
      const auto i = static_cast<size_t>(row), before = static_cast<size_t>(guesses_[i]);
      guesses_[i] = static_cast<int64_t>(s_.whole[i].size() - before);
      s_.whole[i].resize(before);
    }
  }

  /// Chooses tokens of a row while its guesses are right. scores: [1 + guesses, vocabulary].
  /// Whether it goes on.
  bool advance(int64_t row, float* scores, size_t vocabulary) {
    const auto i = static_cast<size_t>(row);
    std::vector<int64_t>&whole = s_.whole[i], &real = s_.real[i];
    const auto guessed = static_cast<size_t>(guesses_[i]);
    drafts_.assign(real.end() - static_cast<std::ptrdiff_t>(guessed), real.end());
    real.resize(real.size() - guessed);
    size_t right = 0;
    bool goes_on = true;
    for (bool checked = true; checked && goes_on; scores += vocabulary) {
      const std::span<float> next(scores, vocabulary);
      if (s_.config.output_logits) keep_logits(i, next);
      if (guidance_) (*guidance_)(row_, next);
      process_(s_.row(whole, i, s_.whole.size()), next);
      if (s_.constraint) check_any_possible(next);
      const int64_t token = choose(i, next);
      s_.push(row, token);
      goes_on = static_cast<int64_t>(whole.size()) < s_.max_length && !s_.ends(token) &&
                !(s_.stop && s_.stop->end_in_last(whole));
      if (s_.hooks.on_token && !s_.hooks.on_token(row, token)) goes_on = false;
      checked = right < guessed && drafts_[right] == token;
      if (checked) ++right;
    }
    if (guessed == 0) return goes_on;
    stepper_.crop(row, static_cast<int64_t>(real.size()) - 1);
    candidates_->learn(row, static_cast<int64_t>(guessed), static_cast<int64_t>(right));
    if (s_.hooks.on_guesses)
      s_.hooks.on_guesses(static_cast<int64_t>(guessed), static_cast<int64_t>(right));
    return goes_on;
  }

  int64_t choose(size_t row, std::span<const float> scores) {
    if (s_.config.do_sample)
      return static_cast<int64_t>(draw(probabilities(scores), 1, random_[row]));
    return std::max_element(scores.begin(), scores.end()) - scores.begin();
  }

  /// 0 for rows that have ended.
  void keep_logits(size_t row, std::span<const float> scores) {
    const size_t step = s_.whole[row].size() - static_cast<size_t>(s_.prompt_length);
    const auto width = static_cast<int64_t>(scores.size());
    if (step == found_.step_logits.size()) {
      Tensor fresh = Tensor::empty(DType::f32, {static_cast<int64_t>(s_.whole.size()), width});
      std::fill_n(fresh.data<float>(), fresh.numel(), 0.0F);
      found_.step_logits.push_back(std::move(fresh));
    }
    std::copy(scores.begin(), scores.end(),
              found_.step_logits[step].data<float>() + row * scores.size());
  }

  Search s_;
  Stepper stepper_;
  LogitsProcessors process_;
  std::unique_ptr<Candidates> candidates_;
  std::optional<Guidance> guidance_;
  int64_t row_ = 0;               // of a step's active ones
  std::vector<int64_t> guesses_;  // per row
  std::vector<int64_t> active_, still_, drafts_;
  std::vector<uint64_t> random_;
  Found found_;
};

}  // namespace

Found search_tokens(Search search) {
  return TokenSearch(std::move(search)).run();
}

}  // namespace tern
