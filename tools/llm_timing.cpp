// SPDX-License-Identifier: Apache-2.0
#include "llm_timing.h"

#include <chrono>

namespace tern::cli {

LlmTiming::LlmTiming(Context& ctx, const Model& model)
    : ctx_(ctx),
      model_(model),
      vocabulary_(model.config().integer({"vocab_size"}, {}, 1, INT32_MAX)) {
  config_.eos_token_id.clear();
  config_.pad_token_id = 0;
}

bool LlmTiming::possible(const LlmTask& t) const {
  return model_.max_length() == 0 || t.prompt + t.tokens + 1 <= model_.max_length();
}

double LlmTiming::seconds(const LlmTask& t) {
  using Clock = std::chrono::steady_clock;
  std::vector<int64_t> ids(static_cast<size_t>(t.batch * t.prompt));
  for (int64_t& id : ids) {
    random_ = random_ * 6364136223846793005 + 1442695040888963407;
    id = static_cast<int64_t>(random_ >> 33) % vocabulary_;
  }
  config_.max_new_tokens = t.decode ? t.tokens + 1 : 1;
  Clock::time_point first, last;
  int64_t heard = 0;
  GenerateHooks hooks;
  hooks.on_token = [&](int64_t, int64_t) {
    last = Clock::now();
    if (++heard <= t.batch) first = last;
    return true;
  };
  const Clock::time_point begin = Clock::now();
  generate(ctx_, model_, {{"input_ids", Tensor::from<int64_t>(ids, {t.batch, t.prompt})}}, config_,
           hooks);
  return std::chrono::duration<double>(t.decode ? last - first : first - begin).count();
}

}  // namespace tern::cli
