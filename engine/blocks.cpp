// SPDX-License-Identifier: Apache-2.0
#include "blocks.h"

#include <algorithm>
#include <vector>

#include "../kernels/elementwise/elementwise.h"
#include "base/format.h"
#include "cpu/blocks.h"
#include "cpu/cpu_backend.h"

namespace tern {

namespace {

kernels::UnpackFormat unpack_format(DType dtype) noexcept {
  switch (dtype) {
    case DType::q5_0:
      return kernels::UnpackFormat::q5_0;
    case DType::q5_1:
      return kernels::UnpackFormat::q5_1;
    case DType::q2_k:
      return kernels::UnpackFormat::q2_k;
    default:
      return kernels::UnpackFormat::q3_k;
  }
}

}  // namespace

std::optional<kernels::BlockFormat> cpu::product_format(DType dtype) noexcept {
  switch (dtype) {
    case DType::q4_0:
      return kernels::BlockFormat::q4_0;
    case DType::q4_1:
      return kernels::BlockFormat::q4_1;
    case DType::q8_0:
      return kernels::BlockFormat::q8_0;
    case DType::q4_k:
      return kernels::BlockFormat::q4_k;
    case DType::q5_k:
      return kernels::BlockFormat::q5_k;
    case DType::q6_k:
      return kernels::BlockFormat::q6_k;
    default:
      return std::nullopt;
  }
}

void cpu::dequantize_row(DType dtype, const void* row, int64_t k, float* out) noexcept {
  if (const auto format = product_format(dtype)) {
    kernels::dequantize_row(*format, row, k, out);
  } else {
    kernels::unpack_row(unpack_format(dtype), row, k, out);
  }
}

Tensor dequantized(const Tensor& x, DType dtype) {
  const BlockSize block = block_size(x.dtype());
  const bool plain = dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
  if (!block || !x.dense() || !plain) {
    fail(ErrorCode::internal,
         cat("dequantized: a tensor of type ", to_string(x.dtype()), " to ", to_string(dtype)));
  }
  Tensor out = Tensor::empty(dtype, x.shape(), page_storage);
  if (x.numel() == 0) return out;
  const int64_t k = x.shape().back(), rows = x.numel() / k;
  const size_t row_bytes = static_cast<size_t>(k) / block.elements * block.bytes;
  const size_t out_bytes = static_cast<size_t>(k) * bits(dtype) / 8;
  ThreadPool& pool = ThreadPool::shared();
  // Made before the region: a tile must not throw, so it cannot allocate.
  const size_t scratch = dtype == DType::f32 ? 0 : static_cast<size_t>(k);
  std::vector<float> wide(scratch * static_cast<size_t>(pool.threads()));
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  const int64_t each = std::max<int64_t>(1, 65536 / k);
  pool.parallel_for(cpu::divide_up(rows, each), [&](int64_t tile, int worker) {
    const int64_t begin = tile * each, end = std::min(begin + each, rows);
    for (int64_t i = begin; i < end; ++i) {
      const std::byte* from = x.raw() + static_cast<size_t>(i) * row_bytes;
      std::byte* to = out.raw() + static_cast<size_t>(i) * out_bytes;
      float* row = scratch == 0 ? reinterpret_cast<float*>(to)
                                : wide.data() + scratch * static_cast<size_t>(worker);
      cpu::dequantize_row(x.dtype(), from, k, row);
      if (scratch != 0) {
        convert(row, kernels::Format::f32, to, cpu::kernel_format(dtype), k);
      }
    }
    x.storage()->drop_pages(x.raw() + static_cast<size_t>(begin) * row_bytes,
                            static_cast<size_t>(end - begin) * row_bytes);
  });
  return out;
}

bool has_products(DType dtype) noexcept {
  return cpu::product_format(dtype).has_value();
}

Tensor with_products(const Tensor& x, DType otherwise) {
  if (has_products(x.dtype())) return x;
  const bool exact = x.dtype() == DType::q5_0 || x.dtype() == DType::q3_k;
  if (!exact || !x.dense()) return dequantized(x, otherwise);
  const BlockSize from = block_size(x.dtype());
  Tensor out =
      Tensor::empty(x.dtype() == DType::q5_0 ? DType::q8_0 : DType::q6_k, x.shape(), page_storage);
  const size_t to = block_size(out.dtype()).bytes;
  const auto blocks = static_cast<int64_t>(x.bytes() / from.bytes);
  constexpr int64_t kEach = 1024;
  ThreadPool::shared().parallel_for(cpu::divide_up(blocks, kEach), [&](int64_t tile, int) {
    const auto begin = static_cast<size_t>(tile * kEach);
    const int64_t count = std::min(kEach, blocks - tile * kEach);
    kernels::repack_row(unpack_format(x.dtype()), x.raw() + begin * from.bytes,
                        count * static_cast<int64_t>(from.elements), out.raw() + begin * to);
    x.storage()->drop_pages(x.raw() + begin * from.bytes, static_cast<size_t>(count) * from.bytes);
  });
  return out;
}

}  // namespace tern
