// SPDX-License-Identifier: Apache-2.0
// Tensors that a file has otherwise than the class: their rows in another order, with one added.
// See stored_tensor.h.
#include <algorithm>
#include <cstring>

#include "../engine/base/format.h"
#include "key_names.h"
#include "stored_tensor.h"

namespace tern {

namespace {

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
