// SPDX-License-Identifier: Apache-2.0
#include "shape.h"

#include <algorithm>

#include "checked.h"
#include "error.h"
#include "format.h"

namespace tern {

Shape::Shape(std::span<const int64_t> dims) : rank_(dims.size()) {
  if (dims.size() > kMaxRank) {
    fail(ErrorCode::invalid_argument,
         cat("a shape has ", dims.size(), " dimensions; at most ", kMaxRank, " are supported"));
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0) {
      fail(ErrorCode::invalid_argument, cat("dimension ", i, " of a shape is ", dims[i]));
    }
    dims_[i] = dims[i];
  }
  // Zero dimensions first, so that [0, 2^62, 2^62] is an empty tensor and not an overflow.
  const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
  for (int64_t d : dims) {
    const auto product = empty ? std::optional<int64_t>(0) : checked::mul(numel_, d);
    if (!product) fail(ErrorCode::invalid_argument, "the number of elements of a shape overflows");
    numel_ = *product;
  }
}

std::optional<size_t> Shape::bytes(DType dtype) const noexcept {
  if (const BlockSize block = block_size(dtype)) {
    const bool whole = rank_ > 0 && static_cast<size_t>(back()) % block.elements == 0;
    if (!whole) return std::nullopt;
    return row_bytes(dtype, static_cast<size_t>(numel_));  // no block has twice as many
  }
  const auto total = checked::mul(static_cast<size_t>(numel_), bits(dtype));
  if (!total || *total % 8 != 0) return std::nullopt;
  return *total / 8;
}

bool Shape::operator==(const Shape& other) const noexcept {
  return rank_ == other.rank_ && std::equal(dims_.begin(), dims_.begin() + rank_, other.dims_.begin());
}

std::string Shape::to_string() const {
  std::string out = "[";
  for (size_t i = 0; i < rank_; ++i) out += cat(i ? ", " : "", dims_[i]);
  return out + "]";
}

}  // namespace tern
