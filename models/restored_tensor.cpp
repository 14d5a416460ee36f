// SPDX-License-Identifier: Apache-2.0
// Tensors that a file has otherwise than the class: the other way round, their rows in another
// order, with one added. See stored_tensor.h.
#include <algorithm>
#include <array>
#include <cstring>

#include "../engine/base/format.h"
#include "key_names.h"
#include "stored_tensor.h"

namespace tern {

namespace {

template <class T>
void transpose(const T* x, int64_t rows, int64_t columns, T* y) {
  constexpr int64_t kColumns = 64;  // of columns: their lines of y stay in the cache
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t last = std::min(columns, first + kColumns);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = first; j < last; ++j) y[j * rows + i] = x[i * columns + j];
    }
  }
}

/// Row 2i + j of each head, of d rows, goes to row i + j · d/2.
Tensor unpaired(const Tensor& stored, int64_t heads, std::string_view name) {
  const int64_t rows = stored.shape().rank() > 0 ? stored.dim(0) : 0;
  if (rows % heads != 0 || rows / heads % 2 != 0 || !stored.dense()) {
    fail(ErrorCode::corrupt,
         cat("tensor '", printable_name(name), "' of shape ", stored.shape().to_string(),
             " should have rows in pairs for ", heads, " heads"));
  }
  Tensor out = Tensor::empty(stored.dtype(), stored.shape(), page_storage);
  if (stored.numel() == 0) return out;
  const size_t row = stored.bytes() / static_cast<size_t>(rows);
  const int64_t half = rows / heads / 2;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t head = i / (2 * half), place = i % (2 * half);
    const int64_t to = head * 2 * half + place / 2 + place % 2 * half;
    std::memcpy(out.raw() + static_cast<size_t>(to) * row,
                stored.raw() + static_cast<size_t>(i) * row, row);
  }
  stored.storage()->drop_pages(stored.raw(), stored.bytes());
  return out;
}

}  // namespace

bool is_turned(const Tensor& x) noexcept {
  return x.shape().rank() == 2 && x.stride(0) == 1 && x.stride(1) == x.dim(0);
}

Tensor turned(const Tensor& x) {
  const std::array<int64_t, 2> strides = {1, x.dim(1)};
  const auto offset = static_cast<size_t>(x.raw() - x.storage()->data());
  const Shape shape = {x.dim(1), x.dim(0)};
  return x.dense() ? Tensor(x.storage(), x.dtype(), shape, strides, offset)
                   : Tensor(x.storage(), x.dtype(), shape, offset);
}

Tensor transposed(const Tensor& x) {
  const Tensor source = bits(x.dtype()) == 16 ? x : to_f32(x);
  const int64_t rows = x.dim(0), columns = x.dim(1);
  Tensor out = Tensor::empty(source.dtype(), {columns, rows});
  if (source.dtype() == DType::f32) {
    transpose(source.data<float>(), rows, columns, out.data<float>());
  } else {
    transpose(source.data<uint16_t>(), rows, columns, out.data<uint16_t>());
  }
  return out;
}

Tensor restored(const Tensor& stored, const Stored& changes, std::string_view name) {
  Tensor out = stored;
  if (changes.paired_heads > 0) out = unpaired(stored, changes.paired_heads, name);
  if (!changes.plus_one) return out;
  out = to_f32(out).clone();
  float* values = out.data<float>();
  for (int64_t i = 0; i < out.numel(); ++i) values[i] -= 1;
  return out;
}

}  // namespace tern
