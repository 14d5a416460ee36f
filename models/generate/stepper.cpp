// SPDX-License-Identifier: Apache-2.0
#include "stepper.h"

#include <algorithm>

namespace tern {

Stepper::Stepper(Context& ctx, const CausalModel& model, const StepperOptions& options)
    : ctx_(ctx), model_(model), options_(options) {
  if (!options.use_cache) return;
  KvShape shape = model.kv_shape();
  if (options.quantize_cache) shape.dtype = DType::i8;
  if (options.past) {
    cache_ = &options.past->cache(model, shape, options.slots, options.capacity);
    return;
  }
  own_ = std::make_unique<KvCache>(shape, options.slots, options.capacity);
  cache_ = own_.get();
}

Tensor Stepper::logits(const std::vector<std::vector<int64_t>>& rows,
                       std::span<const int64_t> active, std::span<const int64_t> guesses) {
  if (longest_ == 0 && options_.past) options_.past->resume(rows, guesses);
  int64_t longest = longest_ > 0 ? longest_ + 1 : 0;
  for (const auto& row : rows) longest = std::max(longest, static_cast<int64_t>(row.size()));
  if (cache_ && model_.cache_regime(longest) != model_.cache_regime(longest_)) {
    for (int64_t slot = 0; slot < cache_->slots(); ++slot) cache_->crop(slot, 0);
  }
  longest_ = longest;
  ids_.clear();
  positions_.clear();
  types_.clear();
  last_.clear();
  segments_.clear();
  sources_.clear();
  const Encoded* encoded = options_.encoded;
  const PromptColumns* columns = options_.columns;
  const int64_t slots_per_source =
      encoded ? options_.slots / static_cast<int64_t>(encoded->sequences.size()) : 1;
  for (const int64_t slot : active) {
    const std::vector<int64_t>& row = rows[static_cast<size_t>(slot)];
    const int64_t known = cache_ ? cache_->length(slot) : 0;
    const auto begin = static_cast<int64_t>(ids_.size());
    const int64_t fresh = static_cast<int64_t>(row.size()) - known;
    ids_.insert(ids_.end(), row.begin() + known, row.end());
    const int64_t prompt = columns ? slot / (options_.slots / columns->prompts()) : 0;
    for (int64_t i = known; i < known + fresh; ++i) {
      positions_.push_back(columns ? columns->position(prompt, i) : i);
      if (columns && !columns->types.empty()) types_.push_back(columns->type(prompt, i));
    }
    segments_.push_back(cache_ ? cache_->segment(slot, begin, fresh)
                               : Segment{begin, begin + fresh});
    if (encoded)
      sources_.push_back(encoded->segment(slot / slots_per_source, begin, begin + fresh));
    const int64_t guessed = guesses.empty() ? 0 : guesses[static_cast<size_t>(slot)];
    for (int64_t i = begin + fresh - 1 - guessed; i < begin + fresh; ++i) last_.push_back(i);
  }
  const TokenBatch batch = {.input_ids = ids_,
                            .token_type_ids = types_,
                            .position_ids = positions_,
                            .segments = {.sequences = segments_},
                            .cache = cache_,
                            .rope_length = longest_,
                            .encoded = encoded,
                            .sources = sources_};
  Tensor out = model_.next_logits(ctx_, batch, last_);
  for (size_t i = 0; cache_ && i < active.size(); ++i)
    cache_->advance(active[i], segments_[i].queries());
  return out;
}

void Stepper::crop(int64_t slot, int64_t length) {
  if (cache_) cache_->crop(slot, length);
}

void Stepper::keep(const std::vector<std::vector<int64_t>>& rows) {
  if (options_.past) options_.past->keep(rows);
}

void Stepper::select(std::span<const int64_t> sources) {
  if (cache_) cache_->select(sources);
}

}  // namespace tern
