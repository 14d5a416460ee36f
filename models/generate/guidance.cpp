// SPDX-License-Identifier: Apache-2.0
#include "guidance.h"

#include <algorithm>

namespace tern {

namespace {

TokenRows other_prompts(const Search& s) {
  TokenRows out;
  for (size_t row = 0; row < s.whole.size(); ++row) {
    if (s.negative.empty()) {
      out.push_back({s.whole[row].back()});
    } else {
      out.push_back(s.negative[row / (s.whole.size() / s.negative.size())]);
    }
  }
  return out;
}

StepperOptions options(const Search& s, const TokenRows& rows) {
  size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  const PromptColumns& columns = s.negative_columns;
  return {.slots = static_cast<int64_t>(rows.size()),
          .capacity = static_cast<int64_t>(longest) + s.max_length - s.prompt_length,
          .use_cache = s.config.use_cache,
          .quantize_cache = s.config.quantizes_cache(),
          .columns = columns.prompts() > 0 ? &columns : nullptr};
}

}  // namespace

Guidance::Guidance(const Search& s)
    : rows_(other_prompts(s)),
      stepper_(s.ctx, s.model, options(s, rows_)),
      scale_(s.config.guidance_scale) {}

void Guidance::read(const Search& s, std::span<const int64_t> active) {
  for (const int64_t row : active) {
    const auto i = static_cast<size_t>(row);
    if (begun_) rows_[i].push_back(s.whole[i].back());
  }
  begun_ = true;
  logits_ = stepper_.logits(rows_, active);
}

void Guidance::operator()(int64_t index, std::span<float> scores) {
  const std::span<float> other(logits_.data<float>() + static_cast<size_t>(index) * scores.size(),
                               scores.size());
  log_softmax(other);
  log_softmax(scores);
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto c = static_cast<double>(scores[i]), u = static_cast<double>(other[i]);
    scores[i] = static_cast<float>(u + scale_ * (c - u));
  }
}

}  // namespace tern
