// SPDX-License-Identifier: Apache-2.0
// Packing of weights and the cut of a matrix product into rectangles.
#include <algorithm>
#include <vector>

#include "../../kernels/elementwise/elementwise.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

/// A weight in the stack: its rows are rows [begin, end) of the whole.
struct Part {
  const Tensor* weight;
  int64_t begin, end;
};

std::vector<Part> stack(std::span<const Tensor> weights) {
  std::vector<Part> parts;
  int64_t row = 0;
  for (const Tensor& w : weights) {
    parts.push_back({&w, row, row + w.dim(0)});
    row += w.dim(0);
  }
  return parts;
}

const std::byte* row_address(const Tensor& w, int64_t row) {
  return w.raw() + static_cast<size_t>(row * w.dim(1)) * (bits(w.dtype()) / 8);
}

/// Packs rows [begin, end) of one part as (the beginning of) the panel `out`.
void pack_rows(const CpuMatrix& m, const Part& part, int64_t begin, int64_t end, std::byte* out) {
  m.gemm.pack({.w = row_address(*part.weight, begin - part.begin),
               .w_format = kernel_format(part.weight->dtype()),
               .w_stride = m.in_features(),
               .n = end - begin,
               .k = m.in_features(),
               .out = out,
               .panel_begin = 0,
               .panel_end = 1});
}

/// A panel whose rows come from several parts is gathered as f32 in `rows` [panel, k] first.
void pack_straddling(const CpuMatrix& m, std::span<const Part> parts, int64_t begin, int64_t end,
                     float* rows, std::byte* out) {
  const int64_t k = m.in_features();
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  for (const Part& p : parts) {
    const int64_t from = std::max(begin, p.begin);
    const int64_t to = std::min(end, p.end);
    if (from >= to) continue;
    convert(row_address(*p.weight, from - p.begin), kernel_format(p.weight->dtype()),
            rows + (from - begin) * k, kernels::Format::f32, (to - from) * k);
  }
  m.gemm.pack({.w = rows,
               .w_format = kernels::Format::f32,
               .w_stride = k,
               .n = end - begin,
               .k = k,
               .out = out,
               .panel_begin = 0,
               .panel_end = 1});
}

/// Packs one panel. `rows` is this thread's buffer for a panel made of several parts.
void pack_panel(const CpuMatrix& m, std::span<const Part> parts, int64_t panel, float* rows) {
  std::byte* out = m.panels->data() + static_cast<size_t>(panel) * m.panel_bytes;
  const int64_t begin = panel * m.gemm.panel;
  const int64_t end = std::min(begin + m.gemm.panel, m.out_features());
  for (const Part& p : parts) {
    if (begin < p.begin || begin >= p.end) continue;
    if (end > p.end) return pack_straddling(m, parts, begin, end, rows, out);
    pack_rows(m, p, begin, end, out);
    const std::byte* first = row_address(*p.weight, begin - p.begin);
    const std::byte* last = row_address(*p.weight, end - p.begin);
    p.weight->storage()->drop_pages(first, static_cast<size_t>(last - first));
    return;
  }
}

/// Does some part, but the last, end inside a panel?
bool straddles(std::span<const Part> parts, int panel) {
  return std::any_of(parts.begin(), parts.end() - 1, [&](const Part& p) { return p.end % panel != 0; });
}

/// Rows and panels of one rectangle.
struct Tiling {
  int64_t rows, panels;
  int64_t row_tiles, panel_tiles;
};

/// One thread takes all columns, for the kernel blocks for its caches itself. More threads get about
/// four rectangles each, so that a preempted one delays little; columns are cut, because then no two
/// threads read the same weights.
Tiling tile(int64_t m, int64_t panels, int kernel_rows, int threads) {
  constexpr int64_t kTilesPerThread = 4;
  constexpr int64_t kMaxRows = 240;   // a block of x that stays in the second-level cache
  const int64_t wanted = threads == 1 ? 1 : threads * kTilesPerThread;
  Tiling t{};
  t.rows = std::min(m, divide_up(kMaxRows, kernel_rows) * kernel_rows);
  t.row_tiles = divide_up(m, t.rows);
  const int64_t columns = std::clamp<int64_t>(divide_up(wanted, t.row_tiles), 1, panels);
  t.panels = divide_up(panels, columns);
  t.panel_tiles = divide_up(panels, t.panels);
  return t;
}

/// x in the format the kernel multiplies: itself, or a converted copy in the arena.
Tensor kernel_input(Context& ctx, const Tensor& x, kernels::Format format) {
  if (kernel_format(x.dtype()) == format) return x;
  const DType dtype = format == kernels::Format::bf16 ? DType::bf16 : DType::f32;
  Tensor out = ctx.arena().tensor(dtype, x.shape());
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  const size_t from = bits(x.dtype()) / 8, to = bits(dtype) / 8;
  for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      convert(x.raw() + static_cast<size_t>(i * x.stride(0)) * from, kernel_format(x.dtype()),
              out.raw() + static_cast<size_t>(i * out.stride(0)) * to, format, x.dim(1));
    }
  });
  return out;
}

}  // namespace

CpuMatrix::CpuMatrix(int64_t n, int64_t k, DType dtype, const kernels::GemmTable& table)
    : PackedMatrix(n, k, dtype),
      gemm(table),
      panel_bytes(table.packed_bytes(table.panel, k)),
      panels(heap_storage(panel_bytes * static_cast<size_t>(divide_up(n, table.panel)))) {}

std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> weights, DType dtype) {
  const std::vector<Part> parts = stack(weights);
  const int64_t n = parts.empty() ? 0 : parts.back().end;
  const int64_t k = weights.empty() ? 0 : weights[0].dim(1);
  const auto format = dtype == DType::bf16 ? kernels::Format::bf16 : kernels::Format::f32;
  auto matrix =
      std::make_shared<CpuMatrix>(n, k, dtype, kernels::gemm_variants(format, format).best(kernels::isa()));
  if (n == 0) return matrix;
  // Made before the region: a tile must not throw, so it cannot allocate.
  const int64_t buffer = straddles(parts, matrix->gemm.panel) ? matrix->gemm.panel * k : 0;
  std::vector<float> rows(static_cast<size_t>(buffer * pool.threads()));
  pool.parallel_for(divide_up(n, matrix->gemm.panel), [&](int64_t panel, int worker) {
    pack_panel(*matrix, parts, panel, rows.data() + buffer * worker);
  });
  return matrix;
}

void linear(Context& ctx, const Tensor& input, const CpuMatrix& w, const Tensor& bias,
            const LinearOptions& options, Tensor& y) {
  const Tensor x = kernel_input(ctx, input, w.gemm.a_format);
  const int64_t m = x.dim(0), n = w.out_features();
  if (m == 0 || n == 0) return;
  const Tiling t = tile(m, divide_up(n, w.gemm.panel), w.gemm.rows, ctx.pool().threads());
  const size_t x_row = static_cast<size_t>(x.stride(0)) * (bits(x.dtype()) / 8);
  const size_t y_size = bits(y.dtype()) / 8;
  const Tensor& residual = options.residual;
  ctx.pool().parallel_for(t.row_tiles * t.panel_tiles, [&](int64_t index, int) {
    // Neighbouring tickets share columns: the weights one thread brings in serve the next.
    const int64_t row = (index % t.row_tiles) * t.rows;
    const int64_t panel = (index / t.row_tiles) * t.panels;
    const int64_t column = panel * w.gemm.panel;
    const float* add = residual ? residual.data<float>() + row * residual.stride(0) + column : nullptr;
    w.gemm.run({.m = std::min(t.rows, m - row),
                .n = std::min(t.panels * w.gemm.panel, n - column),
                .k = w.in_features(),
                .a = x.raw() + static_cast<size_t>(row) * x_row,
                .lda = x.stride(0),
                .b = w.panels->data() + static_cast<size_t>(panel) * w.panel_bytes,
                .out = {.c = y.raw() + static_cast<size_t>(row * n + column) * y_size,
                        .c_format = kernel_format(y.dtype()),
                        .ldc = n,
                        .bias = bias ? bias.data<float>() + column : nullptr,
                        .residual = add,
                        .ld_residual = residual ? residual.stride(0) : 0,
                        .act = kernel_act(options.act)}});
  });
}

}  // namespace tern::cpu
