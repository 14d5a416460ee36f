// SPDX-License-Identifier: Apache-2.0
#include "weight_stream.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/format.h"

namespace tern {

void WeightStream::add(const Tensor& w, std::string name) {
  names_.try_emplace(w.raw(), std::move(name));
}

bool WeightStream::has(std::span<const Tensor> weights) const {
  return std::all_of(weights.begin(), weights.end(),
                     [this](const Tensor& w) { return names_.contains(w.raw()); });
}

size_t WeightStream::join(std::vector<Tensor> weights) {
  order_.push_back(std::move(weights));
  return order_.size() - 1;
}

void WeightStream::enter(size_t number) const {
  for (const Tensor& w : order_[number]) {
    if (w.storage()->populate(w.raw(), w.bytes())) continue;
    fail(ErrorCode::io, cat("'", names_.at(w.raw()),
                            "', which was left on disk, cannot be read any more: was its file cut, "
                            "or does its disk fail?"));
  }
  const size_t first = number == 0 ? 1 : ahead_of(number - 1);
  for (size_t i = first; i <= ahead_of(number); ++i) {
    for (const Tensor& w : order_[(number + i) % order_.size()])
      w.storage()->prefetch(w.raw(), w.bytes());
  }
}

/// How many matrices are asked for behind this one; behind the last comes the first, the next
/// token's.
size_t WeightStream::ahead_of(size_t number) const {
  uint64_t bytes = 0;
  size_t count = 0;
  while (count + 1 < order_.size() && bytes < kAhead) {
    ++count;
    for (const Tensor& w : order_[(number + count) % order_.size()]) bytes += w.bytes();
  }
  return count;
}

}  // namespace tern
