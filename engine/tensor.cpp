// SPDX-License-Identifier: Apache-2.0
#include "tensor.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/format.h"

namespace tern {

namespace {

size_t element_bytes(DType dtype) { return bits(dtype) / 8; }

/// Bytes that `elements` of a dense tensor take; invalid_argument when they end inside a block.
size_t bytes_of(DType dtype, int64_t elements) {
  const auto count = static_cast<size_t>(elements);
  const BlockSize block = block_size(dtype);
  if (block && count % block.elements != 0) {
    fail(ErrorCode::invalid_argument,
         cat("a view of a tensor of type ", to_string(dtype), " would begin at element ", elements,
             ", inside a block of ", block.elements));
  }
  return row_bytes(dtype, count);
}

/// A plane [rows, columns] whose elements T lie `row` and `column` bytes apart, to dense `dst`: in
/// squares, so that a line of memory that a turned plane has read serves all that lies on it.
template <class T>
void copy_plane(const std::byte* src, std::array<int64_t, 2> dims, std::array<int64_t, 2> steps,
                std::byte* dst) {
  constexpr int64_t kSquare = 32;
  const auto [rows, columns] = dims;
  const auto [row, column] = steps;
  for (int64_t r = 0; r < rows; r += kSquare) {
    for (int64_t c = 0; c < columns; c += kSquare) {
      for (int64_t i = r; i < std::min(r + kSquare, rows); ++i) {
        const std::byte* from = src + i * row + c * column;
        std::byte* to = dst + (i * columns + c) * static_cast<int64_t>(sizeof(T));
        for (int64_t n = std::min(kSquare, columns - c); n > 0; --n) {
          std::memcpy(to, from, sizeof(T));
          from += column;
          to += sizeof(T);
        }
      }
    }
  }
}

/// Copies the dimensions from `axis` on of strided `src` to dense `dst`, which moves on.
void copy_strided(const Tensor& t, size_t axis, const std::byte* src, std::byte*& dst) {
  const auto size = static_cast<int64_t>(element_bytes(t.dtype()));
  const size_t left = t.shape().rank() - axis;
  if (left > 2) {
    for (int64_t i = 0; i < t.dim(axis); ++i) {
      copy_strided(t, axis + 1, src + i * t.stride(axis) * size, dst);
    }
    return;
  }
  std::array<int64_t, 2> dims = {1, 1}, steps = {0, 0};
  for (size_t i = 0; i < left; ++i) {
    dims[2 - left + i] = t.dim(axis + i);
    steps[2 - left + i] = t.stride(axis + i) * size;
  }
  switch (size) {
    case 1: copy_plane<uint8_t>(src, dims, steps, dst); break;
    case 2: copy_plane<uint16_t>(src, dims, steps, dst); break;
    case 4: copy_plane<uint32_t>(src, dims, steps, dst); break;
    case 8: copy_plane<uint64_t>(src, dims, steps, dst); break;
    default: break;  // below a byte nothing is strided
  }
  dst += dims[0] * dims[1] * size;
}

}  // namespace

Tensor::Tensor(StorageRef storage, DType dtype, Shape shape, size_t offset)
    : storage_(std::move(storage)), data_(storage_->data() + offset), dtype_(dtype), shape_(shape) {
  int64_t stride = 1;
  for (size_t i = shape_.rank(); i-- > 0;) {
    strides_[i] = stride;
    stride *= shape_[i];
  }
}

Tensor::Tensor(StorageRef storage, DType dtype, Shape shape, std::span<const int64_t> strides,
               size_t offset)
    : Tensor(std::move(storage), dtype, shape, offset) {
  std::copy_n(strides.begin(), shape_.rank(), strides_.begin());
}

Tensor Tensor::empty(DType dtype, Shape shape, StorageRef (*memory)(size_t)) {
  const auto size = shape.bytes(dtype);
  if (!size) {
    fail(ErrorCode::invalid_argument,
         cat("a tensor of shape ", shape.to_string(), " and type ", to_string(dtype),
             " has no representable size in bytes"));
  }
  return Tensor(memory(*size), dtype, shape);
}

bool Tensor::dense() const noexcept {
  int64_t stride = 1;
  for (size_t i = shape_.rank(); i-- > 0;) {
    if (shape_[i] != 1 && strides_[i] != stride) return false;
    stride *= shape_[i];
  }
  return true;
}

Tensor Tensor::reshape(Shape shape) const {
  if (shape.numel() != numel() || !dense()) {
    fail(ErrorCode::invalid_argument,
         cat("cannot view ", dense() ? "" : "a strided ", shape_.to_string(), " as ", shape.to_string()));
  }
  Tensor out(storage_, dtype_, shape);
  out.data_ = data_;
  return out;
}

Tensor Tensor::slice(size_t axis, int64_t begin, int64_t end) const {
  if (axis >= shape_.rank() || begin < 0 || end < begin || end > shape_[axis]) {
    fail(ErrorCode::invalid_argument, cat("slice [", begin, ", ", end, ") of dimension ", axis,
                                          " is outside ", shape_.to_string()));
  }
  Tensor out = *this;
  std::array<int64_t, Shape::kMaxRank> dims{};
  std::copy(shape_.dims().begin(), shape_.dims().end(), dims.begin());
  dims[axis] = end - begin;
  out.shape_ = Shape(std::span<const int64_t>(dims.data(), shape_.rank()));
  out.data_ += bytes_of(dtype_, begin * strides_[axis]);
  return out;
}

Tensor Tensor::split(size_t axis, int64_t parts) const {
  if (axis >= shape_.rank() || shape_.rank() == Shape::kMaxRank || parts <= 0 ||
      shape_[axis] % parts != 0) {
    fail(ErrorCode::invalid_argument,
         cat("dimension ", axis, " of ", shape_.to_string(), " cannot be split in ", parts));
  }
  std::array<int64_t, Shape::kMaxRank + 1> dims{};
  Tensor out = *this;
  for (size_t i = 0, o = 0; i < shape_.rank(); ++i) {
    if (i == axis) {
      dims[o] = parts;
      out.strides_[o++] = strides_[i] * (shape_[i] / parts);
    }
    dims[o] = i == axis ? shape_[i] / parts : shape_[i];
    out.strides_[o++] = strides_[i];
  }
  out.shape_ = Shape(std::span<const int64_t>(dims.data(), shape_.rank() + 1));
  return out;
}

Tensor Tensor::operator[](int64_t i) const {
  Tensor out = slice(0, i, i + 1);
  out.shape_ = Shape(shape_.dims().subspan(1));
  std::copy(strides_.begin() + 1, strides_.end(), out.strides_.begin());
  return out;
}

Tensor Tensor::clone() const {
  Tensor out = empty(dtype_, shape_);
  copy_to(out.raw());
  return out;
}

void Tensor::copy_to(std::byte* to) const {
  if (numel() == 0) return;
  if (!dense() && block_size(dtype_)) {
    fail(ErrorCode::invalid_argument, cat("a strided view of a tensor of type ", to_string(dtype_), " cannot be copied"));
  }
  if (dense()) {
    std::memcpy(to, data_, bytes());
  } else {
    copy_strided(*this, 0, data_, to);
  }
}

void fail_dtype(DType asked, DType found) {
  fail(ErrorCode::internal, cat("a tensor of type ", to_string(found), " was read as ", to_string(asked)));
}

}  // namespace tern
