// SPDX-License-Identifier: Apache-2.0
// Rows of tables and their sum. Rows of blocks become f32 first: one table's where they belong, of
// several each into a table of its own.
#include "../../kernels/embedding/embedding.h"

#include <numeric>

#include "blocks.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

void gather_blocks(Context& ctx, const EmbeddingInput& input, Tensor& y) {
  const Tensor& table = input.table;
  const auto format = product_format(table.dtype());
  if (!format) fail(ErrorCode::internal, "an embedding's blocks have no products");
  for_row_blocks(ctx, y.dim(0), y.dim(1), [&](int64_t begin, int64_t end) {
    kernels::gather_quantized({.rows = end - begin,
                               .cols = y.dim(1),
                               .format = *format,
                               .table = table.raw(),
                               .ids = input.ids.data() + begin,
                               .y = y.data<float>() + begin * y.stride(0),
                               .y_stride = y.stride(0)});
  });
}

}  // namespace

void embedding(Context& ctx, std::span<const EmbeddingInput> inputs, Tensor& y) {
  if (inputs.size() == 1 && block_size(inputs[0].table.dtype())) {
    return gather_blocks(ctx, inputs[0], y);
  }
  kernels::EmbeddingSource all[8];
  Tensor rows[8], own;
  for (size_t t = 0; t < inputs.size(); ++t) {
    const Tensor& table = inputs[t].table;
    if (!block_size(table.dtype())) {
      all[t] = {table.raw(), kernel_format(table.dtype()), inputs[t].ids.data()};
      continue;
    }
    rows[t] = ctx.arena().tensor(DType::f32, y.shape());
    gather_blocks(ctx, inputs[t], rows[t]);
    if (!own) {
      own = ctx.arena().tensor(DType::i64, {y.dim(0)});
      std::iota(own.data<int64_t>(), own.data<int64_t>() + y.dim(0), 0);
    }
    all[t] = {rows[t].raw(), kernels::Format::f32, own.data<int64_t>()};
  }
  const auto& kernel = kernels::embedding_variants().best(kernels::isa());
  for_row_blocks(ctx, y.dim(0), y.dim(1), [&](int64_t begin, int64_t end) {
    kernels::EmbeddingSource sources[8];
    for (size_t t = 0; t < inputs.size(); ++t) {
      sources[t] = {all[t].table, all[t].format, all[t].ids + begin};
    }
    kernel.gather_sum({.rows = end - begin,
                       .cols = y.dim(1),
                       .sources = sources,
                       .count = static_cast<int>(inputs.size()),
                       .y = y.data<float>() + begin * y.stride(0),
                       .y_stride = y.stride(0)});
  });
}

}  // namespace tern::cpu
