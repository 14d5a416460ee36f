// SPDX-License-Identifier: Apache-2.0
// Beam search as Transformers 5 has it (generation/utils.py, _beam_search): of each prompt
// num_beams sequences run; a step keeps the best (1 + number of ends) · num_beams continuations of
// all of them, of which those that end are held as finished when they are among the first
// num_beams, and the best others run on. Scores are sums of log probabilities; finished ones are
// divided by length^length_penalty.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../../engine/ops.h"
#include "search.h"

namespace tern {

namespace {

constexpr float kUnlikely = -1e9F;

struct Beam {
  std::vector<int64_t> whole, real;
  float score = 0;
  int64_t slot = 0;       // whose cache it goes on with
  bool finished = false;  // of finished ones: it has ended; others only fill the list
  bool stops = false;     // of candidates: it ends, or has no room left
};

/// The first n by descending score, of equals the earlier.
void keep_best(std::vector<Beam>& beams, size_t n) {
  std::stable_sort(beams.begin(), beams.end(),
                   [](const Beam& a, const Beam& b) { return a.score > b.score; });
  if (beams.size() > n) beams.resize(n);
}

/// The beams of one prompt.
struct Group {
  std::vector<Beam> running, finished;
  bool may_improve = true;
};

class BeamSearch {
 public:
  explicit BeamSearch(Search search)
      : s_(std::move(search)),
        beams_(static_cast<size_t>(s_.config.num_beams)),
        process_(s_.processors()),
        random_(s_.config.seed),
        stepper_(s_.stepper(static_cast<int64_t>(s_.whole.size() * beams_))) {
    for (size_t p = 0; p < s_.whole.size(); ++p) {
      Group group;
      for (size_t b = 0; b < beams_; ++b) {
        // At first all beams are the prompt: only the first one's continuations count.
        group.running.push_back({.whole = s_.whole[p],
                                 .real = s_.real[p],
                                 .score = b == 0 ? 0 : kUnlikely,
                                 .slot = static_cast<int64_t>(p * beams_)});
        group.finished.push_back({.whole = s_.whole[p], .real = {}, .score = kUnlikely});
      }
      groups_.push_back(std::move(group));
    }
  }

  Found run() {
    for (length_ = s_.prompt_length; length_ < s_.max_length; ++length_) {
      if (step()) break;
    }
    Found found;
    found.step_logits = std::move(step_logits_);
    for (const Group& g : groups_) {
      for (size_t i = 0; i < static_cast<size_t>(s_.config.num_return_sequences); ++i) {
        found.sequences.push_back(g.finished[i].whole);
        found.scores.push_back(g.finished[i].score);
      }
    }
    return found;
  }

 private:
  /// Logits of all running beams, in the order of groups: [groups · beams, vocabulary]. At first
  /// the beams of a prompt are one sequence, which is computed once.
  Tensor next_logits() {
    const bool first = length_ == s_.prompt_length;
    TokenRows rows(groups_.size() * beams_);
    std::vector<int64_t> active, sources, copies;
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (size_t b = 0; b < beams_; ++b) {
        const auto slot = static_cast<int64_t>(g * beams_ + b);
        rows[static_cast<size_t>(slot)] = groups_[g].running[b].real;
        sources.push_back(groups_[g].running[b].slot);
        groups_[g].running[b].slot = slot;
        if (!first || b == 0) active.push_back(slot);
        copies.push_back(static_cast<int64_t>(g));
      }
    }
    if (!first) stepper_.select(sources);
    const Tensor logits = stepper_.logits(rows, active);
    return first ? gather_rows(s_.ctx, logits, copies) : logits;
  }

  bool step() {
    const Tensor logits = next_logits();
    if (s_.config.output_logits) step_logits_.push_back(logits.clone());
    bool improve = false, all_stop = true, all_finished = true;
    for (size_t g = 0; g < groups_.size(); ++g) {
      std::vector<Beam> candidates = continuations(g, logits);
      for (const Beam& c : candidates) all_stop = all_stop && c.stops;
      advance(groups_[g], candidates);
      improve = improve || groups_[g].may_improve;
      for (const Beam& f : groups_[g].finished) all_finished = all_finished && f.finished;
    }
    const bool enough =
        all_finished && s_.config.early_stopping == GenerationConfig::EarlyStopping::yes;
    return !improve || enough || all_stop;
  }

  /// The best continuations of a prompt's beams.
  std::vector<Beam> continuations(size_t g, const Tensor& logits) {
    const auto vocabulary = static_cast<size_t>(logits.dim(1));
    const size_t kept = std::max<size_t>(2, 1 + s_.config.eos_token_id.size()) * beams_;
    std::vector<float> all;  // [beams, vocabulary] accumulated
    for (size_t b = 0; b < beams_; ++b) {
      const Beam& beam = groups_[g].running[b];
      const float* row = logits.data<float>() + (g * beams_ + b) * vocabulary;
      std::vector<float> scores(row, row + vocabulary);
      log_softmax(scores);
      process_(s_.row(beam.whole, g, groups_.size()), scores);
      for (const float x : scores) all.push_back(x + beam.score);
    }
    if (s_.constraint) check_any_possible(all);
    const bool late = s_.out_of_time();
    std::vector<Beam> out;
    for (const size_t index : choose(all, kept)) {
      const Beam& from = groups_[g].running[index / vocabulary];
      Beam next = from;
      const auto token = static_cast<int64_t>(index % vocabulary);
      next.whole.push_back(token);
      next.real.push_back(token);
      next.score = all[index];
      next.stops = s_.ends(token) || length_ + 1 >= s_.max_length || late ||
                   (s_.stop && s_.stop->end_in_last(next.whole));
      out.push_back(std::move(next));
    }
    return out;
  }

  /// Indices of the best, or drawn without replacement; by descending score, of equals the first.
  /// Where fewer can be drawn, others that are not possible fill the list: a step needs its beams.
  std::vector<size_t> choose(const std::vector<float>& all, size_t count) {
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    const size_t n = std::min(count, all.size());
    const auto better = [&](size_t a, size_t b) {
      return all[a] > all[b] || (all[a] == all[b] && a < b);
    };
    if (!s_.config.do_sample) {
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                        better);
      order.resize(n);
      return order;
    }
    std::vector<double> p = probabilities(all);
    std::vector<bool> drawn(all.size());
    order.clear();
    for (double left = 1; order.size() < n && left > 0;) {
      const size_t i = draw(p, left, random_);
      if (p[i] <= 0) break;  // fewer are possible
      order.push_back(i);
      left -= p[i];
      p[i] = 0;
      drawn[i] = true;
    }
    for (size_t i = 0; order.size() < n; ++i) {
      if (!drawn[i]) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), better);
    return order;
  }

  void advance(Group& group, const std::vector<Beam>& candidates) {
    using Early = GenerationConfig::EarlyStopping;
    const bool full = std::all_of(group.finished.begin(), group.finished.end(),
                                  [](const Beam& b) { return b.finished; }) &&
                      s_.config.early_stopping == Early::yes;
    const auto generated = static_cast<double>(length_ + 1 - s_.prompt_length);
    const auto divisor = static_cast<float>(std::pow(generated, s_.config.length_penalty));
    std::vector<Beam> running = candidates, finished = group.finished;
    for (size_t i = 0; i < candidates.size(); ++i) {
      running[i].score += candidates[i].stops ? kUnlikely : 0;
      Beam ended = candidates[i];
      ended.finished = ended.stops && i < beams_;
      ended.score = ended.score / divisor + (full ? kUnlikely : 0) +
                    (group.may_improve ? 0 : kUnlikely) + (ended.finished ? 0 : kUnlikely);
      finished.push_back(std::move(ended));
    }
    keep_best(running, beams_);
    keep_best(finished, beams_);
    group.running = std::move(running);
    group.finished = std::move(finished);
    const bool longest = s_.config.early_stopping == Early::never && s_.config.length_penalty > 0;
    const auto hypothetical = static_cast<double>(longest ? s_.max_length - s_.prompt_length
                                                          : length_ + 1 - s_.prompt_length);
    const float best = group.running.front().score /
                       static_cast<float>(std::pow(hypothetical, s_.config.length_penalty));
    float worst = group.finished.front().score;
    for (const Beam& f : group.finished) worst = std::min(worst, f.score);
    bool improvable = false;
    for (const Beam& f : group.finished)
      improvable = improvable || best > (f.finished ? worst : kUnlikely);
    group.may_improve = group.may_improve && improvable;
  }

  Search s_;
  size_t beams_;
  LogitsProcessors process_;
  uint64_t random_;
  Stepper stepper_;
  std::vector<Group> groups_;
  int64_t length_ = 0;
  std::vector<Tensor> step_logits_;
};

}  // namespace

Found search_beams(Search search) {
  return BeamSearch(std::move(search)).run();
}

}  // namespace tern
