// SPDX-License-Identifier: Apache-2.0
#include "past_key_values.h"

#include <algorithm>

namespace tern {

std::span<const int64_t> PastKeyValues::tokens(int64_t row) const {
  if (row < 0 || row >= static_cast<int64_t>(rows_.size())) return {};
  return rows_[static_cast<size_t>(row)];
}

uint64_t PastKeyValues::bytes() const {
  return cache_ ? KvCache::bytes(cache_->shape(), cache_->slots(), cache_->capacity()) : 0;
}

PastKeyValues& PastKeyValues::assistant() {
  if (!assistant_) assistant_ = std::make_unique<PastKeyValues>();
  return *assistant_;
}

KvCache& PastKeyValues::cache(const CausalModel& model, const KvShape& shape, int64_t slots,
                              int64_t capacity) {
  // A new model may lie where another one lay: the shape is asked, too.
  if (cache_ && model_ == &model && cache_->slots() == slots && cache_->shape() == shape) {
    // By half at least: a chat grows with each turn.
    if (cache_->capacity() < capacity)
      cache_->reserve(std::max(capacity, cache_->capacity() + cache_->capacity() / 2));
    return *cache_;
  }
  rows_.clear();
  cache_.reset();
  cache_ = std::make_unique<KvCache>(shape, slots, capacity);
  model_ = &model;
  rows_.resize(static_cast<size_t>(slots));
  return *cache_;
}

void PastKeyValues::resume(const Rows& rows, std::span<const int64_t> guesses) {
  const bool reusable = !model_->depends_on_length();
  for (size_t i = 0; i < rows_.size(); ++i) {
    std::vector<int64_t>& old = rows_[i];
    const auto end = std::mismatch(old.begin(), old.end(), rows[i].begin(), rows[i].end()).first;
    old.erase(reusable ? end : old.begin(), old.end());
    const auto fresh = static_cast<size_t>(guesses.empty() ? 1 : 1 + guesses[i]);
    old.resize(std::min(old.size(), rows[i].size() - fresh));
    const auto slot = static_cast<int64_t>(i);
    cache_->crop(slot, static_cast<int64_t>(old.size()));
    old.resize(static_cast<size_t>(cache_->length(slot)));
  }
}

void PastKeyValues::keep(const Rows& rows) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto slot = static_cast<int64_t>(i);
    cache_->crop(slot, static_cast<int64_t>(rows[i].size()) - 1);
    rows_[i].assign(rows[i].begin(), rows[i].begin() + cache_->length(slot));
  }
}

}  // namespace tern
