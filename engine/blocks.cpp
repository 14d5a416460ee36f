// SPDX-License-Identifier: Apache-2.0
#include "blocks.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "../kernels/elementwise/elementwise.h"
#include "base/format.h"
#include "cpu/blocks.h"
#include "cpu/cpu_backend.h"

namespace tern {

namespace {

/// A type of blocks as the kernels know it.
struct BlockType {
  DType dtype;
  std::optional<kernels::BlockFormat> product = {};
  kernels::UnpackFormat unpack = {};  // where there are no products
  std::optional<DType> same = {};     // a type with products that holds the same weights
};

using Product = kernels::BlockFormat;
using Unpack = kernels::UnpackFormat;
constexpr BlockType kTypes[] = {
    {DType::q4_0, Product::q4_0},
    {DType::q4_1, Product::q4_1},
    {DType::q8_0, Product::q8_0},
    {DType::q4_k, Product::q4_k},
    {DType::q5_k, Product::q5_k},
    {DType::q6_k, Product::q6_k},
    {DType::q5_0, {}, Unpack::q5_0, DType::q8_0},
    {DType::q5_1, {}, Unpack::q5_1},
    {DType::q2_k, {}, Unpack::q2_k},
    {DType::q3_k, {}, Unpack::q3_k, DType::q6_k},
    {DType::int4_g32_zp, Product::int4_g32_zp},
    {DType::int4_g128_zp, Product::int4_g128_zp},
    {DType::int8_g32_zp, Product::int8_g32_zp},
    {DType::int8_g128_zp, Product::int8_g128_zp},
};

/// Of another type than blocks it has nothing.
const BlockType& block_type(DType dtype) noexcept {
  static constexpr BlockType kNone = {};
  const auto* const found =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const BlockType& type) { return type.dtype == dtype; });
  return found == std::end(kTypes) ? kNone : *found;
}

}  // namespace

std::optional<kernels::BlockFormat> cpu::product_format(DType dtype) noexcept {
  return block_type(dtype).product;
}

void cpu::dequantize_row(DType dtype, const void* row, int64_t k, float* out) noexcept {
  const BlockType& type = block_type(dtype);
  if (type.product) {
    kernels::dequantize_row(*type.product, row, k, out);
  } else {
    kernels::unpack_row(type.unpack, row, k, out);
  }
}

Tensor dequantized(const Tensor& x, DType dtype) {
  const bool plain = dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
  if (!block_size(x.dtype()) || !x.dense() || !plain) {
    fail(ErrorCode::internal,
         cat("dequantized: a tensor of type ", to_string(x.dtype()), " to ", to_string(dtype)));
  }
  Tensor out = Tensor::empty(dtype, x.shape(), page_storage);
  if (x.numel() == 0) return out;
  const int64_t k = x.shape().back(), rows = x.numel() / k;
  const size_t in_bytes = row_bytes(x.dtype(), static_cast<size_t>(k));
  const size_t out_bytes = row_bytes(dtype, static_cast<size_t>(k));
  ThreadPool& pool = ThreadPool::shared();
  // Made before the region: a tile must not throw, so it cannot allocate.
  const size_t scratch = dtype == DType::f32 ? 0 : static_cast<size_t>(k);
  std::vector<float> wide(scratch * static_cast<size_t>(pool.threads()));
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  const int64_t each = std::max<int64_t>(1, 65536 / k);
  pool.parallel_for(cpu::divide_up(rows, each), [&](int64_t tile, int worker) {
    const int64_t begin = tile * each, end = std::min(begin + each, rows);
    for (int64_t i = begin; i < end; ++i) {
      const std::byte* from = x.raw() + static_cast<size_t>(i) * in_bytes;
      std::byte* to = out.raw() + static_cast<size_t>(i) * out_bytes;
      float* row = scratch == 0 ? reinterpret_cast<float*>(to)
                                : wide.data() + scratch * static_cast<size_t>(worker);
      cpu::dequantize_row(x.dtype(), from, k, row);
      if (scratch != 0) {
        convert(row, kernels::Format::f32, to, cpu::kernel_format(dtype), k);
      }
    }
    x.storage()->drop_pages(x.raw() + static_cast<size_t>(begin) * in_bytes,
                            static_cast<size_t>(end - begin) * in_bytes);
  });
  return out;
}

bool has_products(DType dtype) noexcept {
  return cpu::product_format(dtype).has_value();
}

Tensor with_products(const Tensor& x, DType otherwise) {
  if (has_products(x.dtype())) return x;
  const BlockType& type = block_type(x.dtype());
  if (!type.same || !x.dense()) return dequantized(x, otherwise);
  const BlockSize from = block_size(x.dtype());
  Tensor out = Tensor::empty(*type.same, x.shape(), page_storage);
  const size_t to = block_size(out.dtype()).bytes;
  const auto blocks = static_cast<int64_t>(x.bytes() / from.bytes);
  constexpr int64_t kEach = 1024;
  ThreadPool::shared().parallel_for(cpu::divide_up(blocks, kEach), [&](int64_t tile, int) {
    const auto begin = static_cast<size_t>(tile * kEach);
    const int64_t count = std::min(kEach, blocks - tile * kEach);
    kernels::repack_row(type.unpack, x.raw() + begin * from.bytes,
                        count * static_cast<int64_t>(from.elements), out.raw() + begin * to);
    x.storage()->drop_pages(x.raw() + begin * from.bytes, static_cast<size_t>(count) * from.bytes);
  });
  return out;
}

}  // namespace tern
