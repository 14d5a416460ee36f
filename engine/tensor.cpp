// SPDX-License-Identifier: Apache-2.0
#include "tensor.h"

#include <cstring>

#include "base/format.h"

namespace tern {

namespace {

size_t element_bytes(DType dtype) { return bits(dtype) / 8; }

/// Copies `shape` from strided `src` to dense `dst`, innermost dimension by dimension.
void copy_strided(const Tensor& t, size_t axis, const std::byte* src, std::byte*& dst) {
  const size_t size = element_bytes(t.dtype());
  if (axis == t.shape().rank()) {
    std::memcpy(dst, src, size);
    dst += size;
    return;
  }
  for (int64_t i = 0; i < t.dim(axis); ++i) {
    copy_strided(t, axis + 1, src + i * t.stride(axis) * static_cast<int64_t>(size), dst);
  }
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

Tensor Tensor::empty(DType dtype, Shape shape) {
  const auto size = shape.bytes(dtype);
  if (!size) {
    fail(ErrorCode::invalid_argument,
         cat("a tensor of shape ", shape.to_string(), " and type ", to_string(dtype),
             " has no representable size in bytes"));
  }
  return Tensor(heap_storage(*size), dtype, shape);
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
  out.data_ += begin * strides_[axis] * static_cast<int64_t>(element_bytes(dtype_));
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
  if (numel() == 0) return out;
  if (dense()) {
    std::memcpy(out.raw(), data_, bytes());
  } else {
    std::byte* dst = out.raw();
    copy_strided(*this, 0, data_, dst);
  }
  return out;
}

void fail_dtype(DType asked, DType found) {
  fail(ErrorCode::internal, cat("a tensor of type ", to_string(found), " was read as ", to_string(asked)));
}

}  // namespace tern
