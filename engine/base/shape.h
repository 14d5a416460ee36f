// SPDX-License-Identifier: Apache-2.0
// Shape: up to eight dimensions, held inline so that making one never allocates.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "api.h"
#include "dtype.h"

namespace tern {

class TERN_API Shape {
 public:
  static constexpr size_t kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// invalid_argument when there are more than kMaxRank dimensions, a negative one, or the product
  /// does not fit in int64.
  explicit Shape(std::span<const int64_t> dims);

  size_t rank() const noexcept { return rank_; }
  int64_t operator[](size_t i) const noexcept { return dims_[i]; }
  /// Dimension counted from the end: back(0) is the last one.
  int64_t back(size_t i = 0) const noexcept { return dims_[rank_ - 1 - i]; }
  std::span<const int64_t> dims() const noexcept { return {dims_.data(), rank_}; }
  /// Product of the dimensions; 1 for a scalar.
  int64_t numel() const noexcept { return numel_; }
  /// Bytes of a dense tensor of this shape; nullopt when not a whole number of bytes, or of blocks
  /// in a row, or too large.
  std::optional<size_t> bytes(DType dtype) const noexcept;

  bool operator==(const Shape& other) const noexcept;
  /// "[2, 15, 384]"
  std::string to_string() const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  size_t rank_ = 0;
  int64_t numel_ = 1;
};

}  // namespace tern
