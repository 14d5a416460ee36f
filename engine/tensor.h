// SPDX-License-Identifier: Apache-2.0
// Tensor = {storage, dtype, shape, strides}: a view; copying one copies no data and never allocates.
// Concurrent reads are safe; writes are the writer's to order.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include "base/dtype.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/storage.h"

namespace tern {

class TERN_API Tensor {
 public:
  Tensor() = default;
  /// A dense (row-major) view of `storage` from byte `offset` on. The caller has checked the range.
  Tensor(StorageRef storage, DType dtype, Shape shape, size_t offset = 0);
  /// The same with strides of its own, in elements, one for each dimension.
  Tensor(StorageRef storage, DType dtype, Shape shape, std::span<const int64_t> strides,
         size_t offset);
  /// Uninitialised memory.
  static Tensor empty(DType dtype, Shape shape, StorageRef (*memory)(size_t) = heap_storage);
  /// A copy of `values` on the heap.
  template <class T>
  static Tensor from(std::span<const T> values, Shape shape);

  explicit operator bool() const noexcept { return static_cast<bool>(storage_); }
  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  int64_t dim(size_t i) const noexcept { return shape_[i]; }
  int64_t numel() const noexcept { return shape_.numel(); }
  /// In elements.
  int64_t stride(size_t i) const noexcept { return strides_[i]; }
  bool dense() const noexcept;
  const StorageRef& storage() const noexcept { return storage_; }
  /// Bytes from the first to past the last element of a dense tensor.
  size_t bytes() const noexcept { return shape_.bytes(dtype_).value_or(0); }

  std::byte* raw() const noexcept { return data_; }
  /// The elements as T; internal Error when T is not this tensor's type.
  template <class T>
  T* data() const;

  /// The same elements (dense only) in another shape. invalid_argument when numel differs.
  Tensor reshape(Shape shape) const;
  /// Elements [begin, end) of dimension `axis`; a view.
  Tensor slice(size_t axis, int64_t begin, int64_t end) const;
  /// Dimension `axis` seen as two, [parts, dim / parts]; a view. invalid_argument unless it divides.
  Tensor split(size_t axis, int64_t parts) const;
  /// The row at index i of the first dimension; a view of one rank less.
  Tensor operator[](int64_t i) const;
  /// A dense copy on the heap.
  Tensor clone() const;
  /// Writes the elements to `to` as a dense tensor has them.
  void copy_to(std::byte* to) const;

 private:
  StorageRef storage_;
  std::byte* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_;
  std::array<int64_t, Shape::kMaxRank> strides_{};
};

/// The DType of a C++ element type (bf16 and f16 are stored as uint16_t and have none).
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  else if constexpr (std::is_same_v<T, double>) return DType::f64;
  else if constexpr (std::is_same_v<T, bool>) return DType::boolean;
  else if constexpr (std::is_same_v<T, uint8_t>) return DType::u8;
  else if constexpr (std::is_same_v<T, int8_t>) return DType::i8;
  else if constexpr (std::is_same_v<T, int16_t>) return DType::i16;
  else if constexpr (std::is_same_v<T, uint16_t>) return DType::u16;
  else if constexpr (std::is_same_v<T, int32_t>) return DType::i32;
  else if constexpr (std::is_same_v<T, uint32_t>) return DType::u32;
  else if constexpr (std::is_same_v<T, int64_t>) return DType::i64;
  else return DType::u64;
}

/// Throws internal: which type was asked for and which is there.
[[noreturn]] TERN_API void fail_dtype(DType asked, DType found);

template <class T>
T* Tensor::data() const {
  using Value = std::remove_const_t<T>;
  constexpr DType kAsked = dtype_of<Value>();
  const bool half = kAsked == DType::u16 && (dtype_ == DType::bf16 || dtype_ == DType::f16);
  const bool byte = kAsked == DType::u8 && dtype_ == DType::boolean;
  if (kAsked != dtype_ && !half && !byte) fail_dtype(kAsked, dtype_);
  return reinterpret_cast<T*>(data_);
}

template <class T>
Tensor Tensor::from(std::span<const T> values, Shape shape) {
  Tensor out = empty(dtype_of<T>(), shape);
  if (static_cast<size_t>(shape.numel()) != values.size()) {
    fail(ErrorCode::invalid_argument, "Tensor::from: the number of values is not that of the shape");
  }
  if (!values.empty()) std::memcpy(out.raw(), values.data(), values.size_bytes());
  return out;
}

}  // namespace tern
