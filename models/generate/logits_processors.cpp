// SPDX-License-Identifier: Apache-2.0
#include "logits_processors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

/// Ids outside the vocabulary change nothing.
void suppress(std::span<float> scores, std::span<const int64_t> ids) {
  for (const int64_t id : ids) {
    if (id >= 0 && id < static_cast<int64_t>(scores.size()))
      scores[static_cast<size_t>(id)] = kNever;
  }
}

/// All others become impossible.
void allow_only(std::span<float> scores, std::span<const int64_t> ids) {
  std::fill(scores.begin(), scores.end(), kNever);
  for (const int64_t id : ids) {
    if (id >= 0 && id < static_cast<int64_t>(scores.size())) scores[static_cast<size_t>(id)] = 0;
  }
}

/// Indices of possible tokens by descending score, of equals the first. After top_k they are few.
std::vector<size_t> descending(std::span<const float> scores) {
  std::vector<size_t> order;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] != kNever) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// The k-th greatest score; k is at least 1.
float kth(std::span<const float> scores, size_t k) {
  std::vector<float> copy(scores.begin(), scores.end());
  const auto nth = copy.begin() + static_cast<std::ptrdiff_t>(std::min(k, copy.size()) - 1);
  std::nth_element(copy.begin(), nth, copy.end(), std::greater<>());
  return *nth;
}

}  // namespace

void check_any_possible(std::span<const float> scores) {
  // remove_invalid_values leaves the lowest number, renormalize_logits none.
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  if (std::any_of(scores.begin(), scores.end(), [](float s) { return s > kLowest; })) return;
  fail(
      ErrorCode::invalid_argument,
      "generate: no token can come next: of those that the grammar allows the vocabulary has none, "
      "or another argument forbids them (min_new_tokens, suppress_tokens, bad_words_ids, …)");
}

void log_softmax(std::span<float> scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s - most));
  const auto log_sum = static_cast<float>(std::log(sum));
  for (float& s : scores) s = s - most - log_sum;
}

std::vector<double> probabilities(std::span<const float> scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> out;
  out.reserve(scores.size());
  double sum = 0;
  for (const float s : scores) {
    out.push_back(std::exp(static_cast<double>(s) - static_cast<double>(most)));
    sum += out.back();
  }
  for (double& p : out) p /= sum;
  return out;
}

LogitsProcessors::LogitsProcessors(const GenerationConfig& config, int64_t prompt_length,
                                   int64_t max_length,
                                   std::shared_ptr<grammar::Constraint> constraint)
    : config_(config),
      prompt_length_(prompt_length),
      max_length_(max_length),
      constraint_(std::move(constraint)) {}

namespace {

void penalise(std::span<const int64_t> tokens, float penalty, std::span<float> scores) {
  if (penalty == 1) return;
  std::vector<bool> seen(scores.size());
  for (const int64_t id : tokens) {
    if (id < 0 || id >= static_cast<int64_t>(scores.size()) || seen[static_cast<size_t>(id)])
      continue;
    seen[static_cast<size_t>(id)] = true;  // each distinct token once
    float& s = scores[static_cast<size_t>(id)];
    s = s < 0 ? s * penalty : s / penalty;
  }
}

void add_biases(std::span<const int64_t> tokens, const GenerationConfig& config,
                std::span<float> scores) {
  if (config.sequence_bias.empty()) return;
  std::vector<float> sums(scores.size());
  for (const GenerationConfig::Bias& b : config.sequence_bias) {
    for (const int64_t id : b.ids) {
      if (id < static_cast<int64_t>(scores.size())) continue;
      fail(ErrorCode::invalid_argument, cat("generate: sequence_bias has the token ", id,
                                            " but the vocabulary only ", scores.size()));
    }
    const size_t before = b.ids.size() - 1;
    if (before > tokens.size()) continue;
    const auto tail = tokens.last(before);
    if (std::equal(tail.begin(), tail.end(), b.ids.begin()))
      sums[static_cast<size_t>(b.ids.back())] += b.bias;
  }
  for (size_t i = 0; i < scores.size(); ++i) scores[i] += sums[i];
}

/// What was generated, as often as it was.
void count_against(std::span<const int64_t> generated, const GenerationConfig& config,
                   std::span<float> scores) {
  if (config.frequency_penalty == 0 && config.presence_penalty == 0) return;
  std::vector<int64_t> counts(scores.size());
  for (const int64_t id : generated) {
    if (id >= 0 && id < static_cast<int64_t>(scores.size())) ++counts[static_cast<size_t>(id)];
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (counts[i] == 0) continue;
    scores[i] -= static_cast<float>(config.frequency_penalty * static_cast<double>(counts[i]) +
                                    config.presence_penalty);
  }
}

/// What would complete, after `tokens`, n tokens in a row that `history` has.
void forbid_repeats(std::span<const int64_t> tokens, std::span<const int64_t> history, int64_t n,
                    std::span<float> scores) {
  if (n <= 0 || static_cast<int64_t>(tokens.size()) + 1 < n) return;
  const auto count = static_cast<size_t>(n - 1);
  const auto tail = tokens.last(count);
  for (size_t i = 0; i + count < history.size(); ++i) {
    if (std::equal(tail.begin(), tail.end(), history.subspan(i, count).begin()))
      suppress(scores, history.subspan(i + count, 1));
  }
}

}  // namespace

void LogitsProcessors::forbid(const Row& row, std::span<float> scores) const {
  const std::span<const int64_t> tokens = row.tokens;
  const auto length = static_cast<int64_t>(tokens.size());
  forbid_repeats(tokens, tokens, config_.no_repeat_ngram_size, scores);
  forbid_repeats(tokens, row.source, config_.encoder_no_repeat_ngram_size, scores);
  for (const std::vector<int64_t>& word : config_.bad_words_ids) {
    const size_t prefix = word.size() - 1;
    if (prefix > tokens.size()) continue;
    if (word.size() == 1 &&
        std::count(config_.eos_token_id.begin(), config_.eos_token_id.end(), word[0]) > 0) {
      continue;  // as Transformers: the end may not be a bad word
    }
    const auto tail = tokens.last(prefix);
    if (std::equal(tail.begin(), tail.end(), word.begin()))
      suppress(scores, std::span(word).last(1));
  }
  const bool too_short =
      length < config_.min_length || length - prompt_length_ < config_.min_new_tokens;
  if (too_short) suppress(scores, config_.eos_token_id);
  if (constraint_) (*constraint_)(tokens.subspan(static_cast<size_t>(prompt_length_)), scores);
}

void LogitsProcessors::force(std::span<const int64_t> tokens, std::span<float> scores) const {
  const auto length = static_cast<int64_t>(tokens.size());
  if (config_.forced_bos_token_id && length == 1)
    allow_only(scores, std::array{*config_.forced_bos_token_id});
  if (!config_.forced_eos_token_id.empty() && length == max_length_ - 1) {
    allow_only(scores, config_.forced_eos_token_id);
  }
  if (config_.remove_invalid_values) {
    for (float& s : scores) {
      if (std::isnan(s)) s = 0;
      s = std::clamp(s, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
    }
  }
  if (config_.decay_start) end_sooner(length, scores);
  suppress(scores, config_.suppress_tokens);
  // Where the first token is forced, those are forbidden that follow it.
  const bool forced = prompt_length_ == 1 && config_.forced_bos_token_id;
  if (length == prompt_length_ + forced) suppress(scores, config_.begin_suppress_tokens);
}

void LogitsProcessors::end_sooner(int64_t length, std::span<float> scores) const {
  const int64_t late = length - prompt_length_ - *config_.decay_start;
  if (late <= 0) return;
  const double growth = std::pow(config_.decay_factor, static_cast<double>(late)) - 1;
  const std::set<int64_t> ends(config_.eos_token_id.begin(), config_.eos_token_id.end());
  for (const int64_t id : ends) {
    if (id >= static_cast<int64_t>(scores.size())) break;
    float& s = scores[static_cast<size_t>(id)];
    if (std::isfinite(s)) s += std::abs(s) * static_cast<float>(growth);
  }
}

/// Beam sampling needs candidates beside the ends.
size_t LogitsProcessors::least_kept() const {
  return config_.num_beams > 1 ? config_.eos_token_id.size() + 1 : 1;
}

void LogitsProcessors::cut_typical(std::span<float> scores) const {
  const std::vector<double> p = probabilities(scores);
  double entropy = 0;
  for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
  std::vector<float> shifted;
  for (const double x : p) {
    shifted.push_back(x > 0 ? static_cast<float>(std::abs(-std::log(x) - entropy))
                            : std::numeric_limits<float>::infinity());
  }
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shifted[a] < shifted[b]; });
  double mass = 0;
  size_t last = 0;
  for (; last + 1 < order.size(); ++last) {
    mass += p[order[last]];
    if (!(mass < config_.typical_p)) break;
  }
  const float limit = shifted[order[last]];
  for (size_t i = least_kept(); i < order.size(); ++i) {
    if (shifted[order[i]] > limit) scores[order[i]] = kNever;
  }
}

/// The likeliest tokens while their part of the entropy is at most top_h of that of the first 100
/// (Transformers' TopHLogitsWarper; arXiv 2509.02510).
void LogitsProcessors::cut_top_h(std::span<float> scores) const {
  constexpr size_t kConsidered = 100;
  std::vector<size_t> order = descending(scores);
  if (order.empty()) return;
  order.resize(std::min(order.size(), kConsidered));
  std::vector<float> first;
  for (const size_t i : order) first.push_back(scores[i]);
  std::vector<double> terms = probabilities(first);
  // What is impossible in float32, there and what follows is not kept.
  const auto impossible = [](double p) { return static_cast<float>(p) == 0; };
  terms.erase(std::find_if(terms.begin(), terms.end(), impossible), terms.end());
  for (double& p : terms) p *= -std::log(p);
  const double most = config_.top_h * std::accumulate(terms.begin(), terms.end(), 0.0);
  double sum = terms[0];
  size_t kept = 1;
  while (kept < terms.size() && (sum += terms[kept]) <= most) ++kept;
  std::fill(scores.begin(), scores.end(), kNever);
  for (size_t i = 0; i < kept; ++i) scores[order[i]] = first[i];
}

void LogitsProcessors::cut(std::span<float> scores) const {
  const size_t least = std::min(least_kept(), scores.size());
  const auto top_k = static_cast<size_t>(config_.top_k);
  if (config_.temperature != 1) {
    for (float& s : scores) s /= static_cast<float>(config_.temperature);
  }
  if (config_.top_h > 0) cut_top_h(scores);
  if (top_k > 0 && top_k < scores.size()) {
    const float limit = kth(scores, std::max(top_k, least));
    for (float& s : scores) s = s < limit ? kNever : s;
  }
  if (config_.top_p < 1) {
    const std::vector<double> p = probabilities(scores);
    const std::vector<size_t> order = descending(scores);
    double sum = 0;
    for (size_t i = order.size(); i > least; --i) {  // from the least likely
      sum += p[order[i - 1]];
      if (sum <= 1 - config_.top_p) scores[order[i - 1]] = kNever;
    }
  }
  if (config_.min_p > 0) {
    const std::vector<double> p = probabilities(scores);
    const float keep = kth(scores, least);
    const double limit = config_.min_p * *std::max_element(p.begin(), p.end());
    for (size_t i = 0; i < p.size(); ++i)
      scores[i] = p[i] < limit && scores[i] < keep ? kNever : scores[i];
  }
  if (config_.typical_p < 1) cut_typical(scores);
  for (const bool eta : {false, true}) {
    double limit = eta ? config_.eta_cutoff : config_.epsilon_cutoff;
    if (limit <= 0) continue;
    const std::vector<double> p = probabilities(scores);
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    if (eta) limit = std::min(limit, std::sqrt(limit) * std::exp(-entropy));
    const float keep = kth(scores, least);
    for (size_t i = 0; i < p.size(); ++i)
      scores[i] = p[i] < limit && scores[i] < keep ? kNever : scores[i];
  }
}

void LogitsProcessors::operator()(const Row& row, std::span<float> scores) const {
  add_biases(row.tokens, config_, scores);
  penalise(row.source, static_cast<float>(1 / config_.encoder_repetition_penalty), scores);
  penalise(row.tokens.subspan(static_cast<size_t>(row.padding)),
           static_cast<float>(config_.repetition_penalty), scores);
  count_against(row.tokens.subspan(static_cast<size_t>(prompt_length_)), config_, scores);
  forbid(row, scores);
  force(row.tokens, scores);
  if (config_.do_sample) cut(scores);
  if (config_.renormalize_logits) log_softmax(scores);
}

}  // namespace tern
