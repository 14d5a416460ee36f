// SPDX-License-Identifier: Apache-2.0
// Ops that work row by row, and pooling, which works sequence by sequence.
#include <algorithm>
#include <cmath>

#include "../../kernels/pool/pool.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

using Pooling = Backend::Pooling;

/// Weight of each row of a sequence in the sum that `mode` is, 0 for masked rows; returns their sum.
float fill_weights(Pooling mode, const uint8_t* mask, int64_t rows, float* weights) {
  float total = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const float value = mode == Pooling::weighted_mean ? static_cast<float>(i + 1) : 1.0F;
    weights[i] = mask && mask[i] == 0 ? 0.0F : value;
    total += weights[i];
  }
  return total;
}

/// The row that cls and last take: the first, or the last that is not masked.
int64_t picked_row(Pooling mode, const uint8_t* mask, int64_t rows) {
  if (mode == Pooling::cls) return 0;
  for (int64_t i = rows; mask && i-- > 0;) {
    if (mask[i]) return i;
  }
  return rows - 1;
}

/// Pools the sequences of one packed tensor [tokens, cols].
struct Pooler {
  const kernels::PoolTable& kernel;
  const float* x;
  int64_t x_stride, cols;
  const uint8_t* mask;   // [tokens] or null
  float* weights;        // [tokens] scratch

  void operator()(Pooling mode, const Segment& s, float* y) const {
    const int64_t rows = s.end - s.begin;
    const float* first = x + s.begin * x_stride;
    const uint8_t* keep = mask ? mask + s.begin : nullptr;
    if (rows == 0) {
      std::fill_n(y, cols, 0.0F);
    } else if (mode == Pooling::cls || mode == Pooling::last) {
      std::copy_n(first + picked_row(mode, keep, rows) * x_stride, cols, y);
    } else if (mode == Pooling::max) {
      kernel.max(first, x_stride, keep, rows, cols, y);
    } else {
      const float total = std::max(fill_weights(mode, keep, rows, weights + s.begin), 1e-9F);
      kernel.weighted_sum(first, x_stride, weights + s.begin, rows, cols, y);
      kernel.scale(y, 1.0F / (mode == Pooling::mean_sqrt_len ? std::sqrt(total) : total), y, cols);
    }
  }
};

}  // namespace

void for_row_blocks(Context& ctx, int64_t count, int64_t cols, FunctionRef<void(int64_t, int64_t)> rows) {
  constexpr int64_t kElements = 16384;
  if (count <= 0) return;
  const int64_t block = std::clamp<int64_t>(kElements / std::max<int64_t>(cols, 1), 1, count);
  const int64_t blocks = divide_up(count, block);
  if (blocks == 1) return rows(0, count);
  ctx.pool().parallel_for(blocks, [&](int64_t b, int) {
    rows(b * block, std::min((b + 1) * block, count));
  });
}

void pool_rows(Context& ctx, const Tensor& x, const Segments& segments, Pooling mode, Tensor& y) {
  const Tensor weights = ctx.arena().tensor(DType::f32, {x.dim(0)});
  const Pooler pooler{kernels::pool_variants().best(kernels::isa()), x.data<float>(), x.stride(0),
                      x.dim(1), segments.key_mask, weights.data<float>()};
  const auto sequences = static_cast<int64_t>(segments.sequences.size());
  const int64_t rows_each = x.dim(0) / std::max<int64_t>(sequences, 1) + 1;
  for_row_blocks(ctx, sequences, x.dim(1) * rows_each, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      pooler(mode, segments.sequences[static_cast<size_t>(s)], y.data<float>() + s * y.stride(0));
    }
  });
}

}  // namespace tern::cpu
