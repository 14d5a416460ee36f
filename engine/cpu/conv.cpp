// SPDX-License-Identifier: Apache-2.0
// Packing of a convolution's weights and the cut of its result, and of pooling's, into rectangles.
#include "../../kernels/conv/conv.h"

#include <algorithm>
#include <memory>

#include "../../kernels/pool2d/pool2d.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

/// Weight panels in the layout of one variant.
class CpuConv final : public PackedConv {
 public:
  CpuConv(const ConvGeometry& geometry, DType dtype, const kernels::ConvTable& kernel,
          StorageRef panels)
      : PackedConv(geometry, dtype), table(kernel), weights(std::move(panels)) {}
  size_t bytes() const noexcept override { return weights->size(); }

  const kernels::ConvTable& table;
  StorageRef weights;
};

/// Sizes of the images are not needed to pack and may be 0.
kernels::ConvShape kernel_shape(const ConvGeometry& g, int64_t in_h, int64_t in_w) {
  return {.in_h = in_h,
          .in_w = in_w,
          .in_c = g.in_channels,
          .out_h = g.out_h(in_h),
          .out_w = g.out_w(in_w),
          .out_c = g.out_channels,
          .kernel_h = g.kernel_h,
          .kernel_w = g.kernel_w,
          .stride_h = g.stride_h,
          .stride_w = g.stride_w,
          .pad_top = g.pad_top,
          .pad_left = g.pad_left,
          .dilation_h = g.dilation_h,
          .dilation_w = g.dilation_w,
          .groups = g.groups,
          .planar = g.planar};
}

/// Rows, columns and panels of one rectangle.
struct Cut {
  int64_t rows, columns, panels;
  int64_t row_tiles, column_tiles, panel_tiles;
  int64_t tiles() const { return row_tiles * column_tiles * panel_tiles; }
};

/// One thread takes an image as a whole, for the kernel blocks for its caches itself. More threads
/// get about four rectangles each: whole blocks of pixels, then the panels in parts; panels first
/// where each rectangle transforms its weights.
Cut cut(const kernels::ConvTable& table, const kernels::ConvShape& s, int64_t images, int threads) {
  constexpr int64_t kTilesPerThread = 4;
  const int64_t panels = table.panels(s);
  Cut c = {s.out_h, s.out_w, panels, 1, 1, 1};
  const int64_t wanted = threads == 1 ? 1 : divide_up(threads * kTilesPerThread, images);
  if (wanted <= 1) return c;
  const int64_t step = table.row_step(s);
  const int64_t most_parts = std::min(step == 1 ? wanted : divide_up(wanted, panels), s.out_h);
  const int64_t rows = divide_up(divide_up(s.out_h, most_parts), step) * step;
  c.rows = std::min(std::max<int64_t>(table.row_block(s), 1), rows);
  c.columns = table.column_block(s);
  c.row_tiles = divide_up(s.out_h, c.rows);
  c.column_tiles = divide_up(s.out_w, c.columns);
  const int64_t parts =
      std::clamp<int64_t>(divide_up(wanted, c.row_tiles * c.column_tiles), 1, panels);
  c.panels = divide_up(panels, parts);
  c.panel_tiles = divide_up(panels, c.panels);
  return c;
}

std::byte* image(const Tensor& t, int64_t n) {
  return t.raw() + static_cast<size_t>(n * t.stride(0)) * (bits(t.dtype()) / 8);
}

const float* image_or_null(const Tensor& t, int64_t n) {
  return t ? reinterpret_cast<const float*>(image(t, n)) : nullptr;
}

/// x as the kernel multiplies it: itself, or a dense copy of that type in the arena.
Tensor kernel_input(Context& ctx, const Tensor& x, kernels::Format format) {
  if (kernel_format(x.dtype()) == format) return x;
  Tensor out = ctx.arena().tensor(DType::bf16, x.shape());
  ctx.backend().convert(ctx, x.dense() ? x : x.clone(), out);
  return out;
}

}  // namespace

std::shared_ptr<const PackedConv> pack_conv(ThreadPool& pool, const Tensor& weight,
                                            const Tensor& scale, const ConvGeometry& g,
                                            DType dtype) {
  using kernels::Format;
  const kernels::ConvTable* table = &kernels::conv_variants(Format::f32).best(kernels::isa());
  // No level has a kernel of bf16 but generic; where there are vectors, f32 is faster.
  if (dtype == DType::bf16 && table->isa == kernels::Isa::generic) {
    table = &kernels::conv_variants(Format::bf16).best(kernels::isa());
  }
  const kernels::ConvShape s = kernel_shape(g, 0, 0);
  const StorageRef panels = weight_storage(table->packed_bytes(s));
  pool.parallel_for(table->panels(s), [&](int64_t panel, int) {
    table->pack({.shape = &s,
                 .w = weight.raw(),
                 .w_format = kernel_format(weight.dtype()),
                 .scale = scale ? scale.data<float>() : nullptr,
                 .out = panels->data(),
                 .panel_begin = panel,
                 .panel_end = panel + 1});
  });
  return std::make_shared<CpuConv>(g, dtype, *table, panels);
}

void conv(Context& ctx, const Tensor& input, const PackedConv& packed, const Tensor& bias,
          const ConvOptions& options, Tensor& y) {
  const CpuConv& w = static_cast<const CpuConv&>(packed);
  const ConvGeometry& g = w.geometry();
  const Tensor x = kernel_input(ctx, input, w.table.x_format);
  const kernels::ConvShape s = kernel_shape(g, x.dim(g.planar ? 2 : 1), x.dim(g.planar ? 3 : 2));
  const int64_t images = x.dim(0);
  if (y.numel() == 0) return;
  const Cut c = cut(w.table, s, images, ctx.pool().threads());
  const ThreadScratch scratch(ctx, w.table.scratch_bytes(s));
  const Tensor& residual = options.residual;
  const int64_t panels = w.table.panels(s);
  ctx.pool().parallel_for(images * c.tiles(), [&](int64_t index, int worker) {
    // Neighbouring tickets share weights: those one thread brings in serve the next.
    const int64_t row = index % c.row_tiles * c.rows;
    const int64_t column = index / c.row_tiles % c.column_tiles * c.columns;
    const int64_t n = index / (c.row_tiles * c.column_tiles) % images;
    const int64_t panel = index / (c.row_tiles * c.column_tiles * images) * c.panels;
    w.table.run({.shape = &s,
                 .x = image(x, n),
                 .x_row = x.stride(g.planar ? 2 : 1),
                 .x_pixel = g.planar ? 1 : x.stride(2),
                 .x_channel = g.planar ? x.stride(1) : 1,
                 .w = w.weights->data(),
                 .y = image(y, n),
                 .y_format = kernel_format(y.dtype()),
                 .y_row = y.stride(1),
                 .y_pixel = y.stride(2),
                 .bias = bias ? bias.data<float>() : nullptr,
                 .residual = image_or_null(residual, n),
                 .residual_row = residual ? residual.stride(1) : 0,
                 .residual_pixel = residual ? residual.stride(2) : 0,
                 .act = kernel_act(options.act),
                 .residual_first = options.residual_first,
                 .scratch = scratch.of(worker),
                 .row_begin = row,
                 .row_end = std::min(row + c.rows, s.out_h),
                 .column_begin = column,
                 .column_end = std::min(column + c.columns, s.out_w),
                 .panel_begin = panel,
                 .panel_end = std::min(panel + c.panels, panels)});
  });
}

void pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& o, Tensor& y) {
  const auto& kernel = kernels::pool2d_variants().best(kernels::isa());
  const int64_t rows = y.dim(1);
  if (y.numel() == 0) return;
  const int64_t row_cost =
      std::max<int64_t>(x.dim(1) * x.dim(2) * x.dim(3) / std::max<int64_t>(rows, 1), 1);
  for_row_blocks(ctx, x.dim(0) * rows, row_cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t n = i / rows, row = i % rows;
      const int64_t row_end = std::min(rows, row + end - i);
      kernel.run({.in_h = x.dim(1),
                  .in_w = x.dim(2),
                  .channels = x.dim(3),
                  .out_h = rows,
                  .out_w = y.dim(2),
                  .kernel_h = o.kernel_h,
                  .kernel_w = o.kernel_w,
                  .stride_h = o.stride_h,
                  .stride_w = o.stride_w,
                  .pad_top = o.pad_top,
                  .pad_left = o.pad_left,
                  .pad_bottom = o.pad_bottom,
                  .pad_right = o.pad_right,
                  .count_include_pad = o.count_include_pad,
                  .mode = static_cast<kernels::Pool2dMode>(o.mode),
                  .x = reinterpret_cast<const float*>(image(x, n)),
                  .x_row = x.stride(1),
                  .x_pixel = x.stride(2),
                  .y = reinterpret_cast<float*>(image(y, n)),
                  .y_row = y.stride(1),
                  .y_pixel = y.stride(2),
                  .row_begin = row,
                  .row_end = row_end});
      i += row_end - row;
    }
  });
}

}  // namespace tern::cpu
