// SPDX-License-Identifier: Apache-2.0
#include "stored_tensor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "../engine/base/format.h"
#include "../engine/blocks.h"
#include "../engine/threads.h"
#include "key_names.h"

namespace tern {

namespace {

/// Elements converted or gathered before their pages are let go. Those of a strided tensor lie in
/// more pages than they would fill.
constexpr int64_t kBlock = int64_t{1} << 20, kStridedBlock = int64_t{1} << 22;

/// Calls `convert(from, to, count)` block by block; `from` is unaligned.
template <class Convert>
Tensor converted(const Tensor& stored, DType dtype, Convert convert) {
  Tensor out = Tensor::empty(dtype, stored.shape(), page_storage);
  const size_t width = bits(stored.dtype()) / 8, out_width = bits(dtype) / 8;
  for (int64_t begin = 0; begin < stored.numel(); begin += kBlock) {
    const auto count = static_cast<size_t>(std::min(kBlock, stored.numel() - begin));
    const std::byte* from = stored.raw() + static_cast<size_t>(begin) * width;
    convert(from, out.raw() + static_cast<size_t>(begin) * out_width, count);
    stored.storage()->drop_pages(from, count * width);
  }
  return out;
}

Tensor narrowed(const Tensor& stored) {
  return converted(stored, DType::f32, [](const std::byte* from, std::byte* to, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      double wide;
      std::memcpy(&wide, from + i * sizeof wide, sizeof wide);
      const auto value = static_cast<float>(wide);
      std::memcpy(to + i * sizeof value, &value, sizeof value);
    }
  });
}

/// The bf16 value of each of the 256 bytes: e4m3fn (bias 7, no infinities, 0x7F is NaN) or e5m2
/// (bias 15, IEEE's rules).
std::array<uint16_t, 256> f8_table(DType dtype) {
  const int mantissa_bits = dtype == DType::f8_e4m3 ? 3 : 2,
            bias = dtype == DType::f8_e4m3 ? 7 : 15;
  const unsigned mantissa_mask = (1u << mantissa_bits) - 1, exponent_mask = 0x7Fu >> mantissa_bits;
  std::array<uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned mantissa = byte & mantissa_mask;
    const unsigned exponent = (byte >> mantissa_bits) & exponent_mask;
    const bool special = dtype == DType::f8_e4m3 ? (byte & 0x7F) == 0x7F : exponent == 31;
    unsigned value = 0;
    if (special) {
      value = dtype == DType::f8_e5m2 && mantissa == 0 ? 0x7F80 : 0x7FC0;
    } else if (exponent != 0) {
      value = (exponent + 127 - static_cast<unsigned>(bias)) << 7 | mantissa << (7 - mantissa_bits);
    } else if (mantissa != 0) {  // subnormal: mantissa · 2^(1 - bias - mantissa_bits)
      int top = mantissa_bits;
      while ((mantissa >> top) == 0) --top;
      const auto power = static_cast<unsigned>(128 - bias - mantissa_bits + top);
      value = power << 7 | ((mantissa << (7 - top)) & 0x7F);
    }
    table[byte] = static_cast<uint16_t>(value | (byte & 0x80) << 8);
  }
  return table;
}

Tensor widened(const Tensor& stored) {
  const std::array<uint16_t, 256> table = f8_table(stored.dtype());
  return converted(stored, DType::bf16, [&](const std::byte* from, std::byte* to, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      std::memcpy(to + 2 * i, &table[static_cast<uint8_t>(from[i])], sizeof(uint16_t));
    }
  });
}

/// Pages that are in memory already take as long to map as to read: all threads do it.
void populate(const Tensor& x, const std::byte* data, size_t size, std::string_view what) {
  constexpr size_t kEach = size_t{4} << 20;
  std::atomic<bool> good = true;
  const auto pieces = static_cast<int64_t>((size + kEach - 1) / kEach);
  ThreadPool::shared().parallel_for(pieces, [&](int64_t piece, int) {
    const size_t begin = static_cast<size_t>(piece) * kEach;
    if (!x.storage()->populate(data + begin, std::min(kEach, size - begin))) good = false;
  });
  if (good) return;
  fail(ErrorCode::io,
       cat(what, " cannot be read any more: was the file that the model came from cut, ",
           "or does its disk fail?"));
}

}  // namespace

void read_in(const Tensor& x, std::string_view what) {
  populate(x, x.raw(), x.dense() ? x.bytes() : extent(x), what);
}

void read_through(const Tensor& x, std::string_view what) {
  constexpr size_t kPiece = size_t{16} << 20;
  const size_t size = x.dense() ? x.bytes() : extent(x);
  for (size_t begin = 0; begin < size; begin += kPiece) {
    const size_t piece = std::min(kPiece, size - begin);
    populate(x, x.raw() + begin, piece, what);
    x.storage()->drop_pages(x.raw() + begin, piece);
  }
}

size_t extent(const Tensor& x) {
  int64_t last = 0;
  for (size_t i = 0; i < x.shape().rank(); ++i) last += (x.dim(i) - 1) * x.stride(i);
  return static_cast<size_t>(last + 1) * bits(x.dtype()) / 8;
}

Tensor gathered(const Tensor& stored) {
  const Tensor dense = Tensor::empty(stored.dtype(), stored.shape(), page_storage);
  if (stored.numel() == 0) return dense;
  const size_t width = bits(stored.dtype()) / 8;
  const int64_t rows = stored.dim(0), row = stored.numel() / rows;
  const int64_t step = std::max<int64_t>(1, kStridedBlock / row);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const Tensor block = stored.slice(0, begin, std::min(begin + step, rows));
    block.copy_to(dense.raw() + static_cast<size_t>(begin * row) * width);
    stored.storage()->drop_pages(stored.raw(), extent(stored));
  }
  return dense;
}

Tensor runnable(const Tensor& stored, std::string_view name, const BlockUse& use) {
  if (block_size(stored.dtype())) {
    if (!stored.dense()) return gathered(turned(dequantized(turned(stored), use.dtype)));
    return use.keep ? with_products(stored, use.dtype) : dequantized(stored, use.dtype);
  }
  const Tensor dense = stored.dense() ? stored : gathered(stored);
  switch (dense.dtype()) {
    case DType::f32:
    case DType::bf16:
    case DType::f16:
      return aligned(dense);
    case DType::f64:
      return narrowed(dense);
    case DType::f8_e4m3:
    case DType::f8_e5m2:
      return widened(dense);
    default:
      fail(ErrorCode::unsupported,
           cat("tensor '", printable_name(name), "' has type ", to_string(stored.dtype()),
               "; expected float32, float16, bfloat16, float64 or float8"));
  }
}

bool same_view(const Tensor& a, const Tensor& b) {
  bool same = a.raw() == b.raw() && a.dtype() == b.dtype() && a.shape() == b.shape();
  for (size_t i = 0; same && i < a.shape().rank(); ++i) same = a.stride(i) == b.stride(i);
  return same;
}

bool same_values(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  if (!a.dense() || !b.dense()) {
    return same_values(a.dense() ? a : a.clone(), b.dense() ? b : b.clone());
  }
  return a.raw() == b.raw() || a.numel() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace tern
