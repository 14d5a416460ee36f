// SPDX-License-Identifier: Apache-2.0
// A matrix product cut into rectangles.
#include <algorithm>
#include <typeinfo>

#include "cpu_backend.h"
#include "matrix.h"
#include "weight_rows.h"

namespace tern::cpu {

namespace {

/// Rows and panels of one rectangle.
struct Tiling {
  int64_t rows, panels;
  int64_t row_tiles, panel_tiles;
};

/// One thread takes all columns, for the kernel blocks for its caches itself. More threads get
/// about four rectangles each, so that a preempted one delays little, but of small matrices fewer:
/// in each rectangle reading starts anew, and takes its time to be fast. Columns are cut, because
/// then no two threads read the same weights.
Tiling tile(int64_t m, int64_t panels, const CpuMatrix& w, int threads) {
  constexpr int64_t kTilesPerThread = 4;
  constexpr int64_t kMaxRows = 240;  // a block of x that stays in the second-level cache
  constexpr int64_t kLeastBytes = int64_t{256} << 10;
  // Weights come from memory while some four rows are multiplied with them.
  const int64_t work = panels * static_cast<int64_t>(w.panel_bytes) * (1 + m / 4);
  const int64_t each =
      threads == 1 ? 1 : std::clamp<int64_t>(work / (threads * kLeastBytes), 1, kTilesPerThread);
  const int64_t wanted = threads * each;
  Tiling t{};
  t.rows = std::min(m, divide_up(kMaxRows, w.rows) * w.rows);
  t.row_tiles = divide_up(m, t.rows);
  const int64_t columns = std::clamp<int64_t>(divide_up(wanted, t.row_tiles), 1, panels);
  t.panels = divide_up(panels, columns);
  t.panel_tiles = divide_up(panels, t.panels);
  return t;
}

/// Columns [first, first + w.out_features()) of y before the gate.
struct Part {
  const CpuMatrix& w;
  int64_t first;
};

/// Where each thread makes panels whose weights were left in place: one panel, and behind it what
/// WeightRows gathers.
struct PanelRoom {
  StorageRef bytes;
  size_t panel = 0, each = 0;

  PanelRoom(Context& ctx, const CpuMatrix& w) {
    if (w.panels) return;
    const auto rounded = [](size_t size) {
      return (size + kAlignment - 1) / kAlignment * kAlignment;
    };
    panel = rounded(w.panel_bytes);
    each = panel + rounded(static_cast<size_t>(w.in_place->gathered(w)) * sizeof(float));
    bytes = ctx.arena().bytes(each * static_cast<size_t>(ctx.pool().threads()));
  }
  const std::byte* make(const CpuMatrix& w, int64_t index, int worker) const {
    std::byte* const out = bytes->data() + each * static_cast<size_t>(worker);
    w.in_place->pack(w, index, reinterpret_cast<float*>(out + panel), out);
    return out;
  }
};

void multiply(Context& ctx, const KernelRows& x, const Part& part, const Tensor& bias,
              const LinearOptions& options, Tensor& y) {
  const CpuMatrix& w = part.w;
  const int64_t m = y.dim(0), n = w.out_features();
  const Tiling t = tile(m, divide_up(n, w.panel), w, ctx.pool().threads());
  const int64_t y_size = static_cast<int64_t>(bits(y.dtype()) / 8);
  const int64_t halves = options.gate ? 2 : 1;
  const Tensor& residual = options.residual;
  const PanelRoom room(ctx, w);
  ctx.pool().parallel_for(t.row_tiles * t.panel_tiles, [&](int64_t index, int worker) {
    // Neighbouring tickets share columns: the weights one thread brings in serve the next.
    const int64_t row = (index % t.row_tiles) * t.rows;
    const auto run = [&](int64_t panel, int64_t panels, const std::byte* b) {
      const int64_t own = panel * w.panel, column = part.first + own, out = column / halves;
      w.run({.m = std::min(t.rows, m - row),
             .n = std::min(panels * w.panel, n - own),
             .a = x.data + row * x.stride,
             .stride = x.stride,
             .b = b,
             .out = {.c = y.raw() + (row * y.dim(1) + out) * y_size,
                     .c_format = kernel_format(y.dtype()),
                     .ldc = y.dim(1),
                     .bias = bias ? bias.data<float>() + column : nullptr,
                     .residual = residual ? residual.data<float>() + row * residual.stride(0) + out
                                          : nullptr,
                     .ld_residual = residual ? residual.stride(0) : 0,
                     .act = kernel_act(options.act),
                     .gate = options.gate}});
    };
    const int64_t first = (index / t.row_tiles) * t.panels;
    if (w.panels) {
      return run(first, t.panels, w.panels->data() + static_cast<size_t>(first) * w.panel_bytes);
    }
    const int64_t last = std::min(first + t.panels, divide_up(n, w.panel));
    for (int64_t panel = first; panel < last; ++panel) run(panel, 1, room.make(w, panel, worker));
  });
}

}  // namespace

void linear(Context& ctx, const Tensor& input, const PackedMatrix& weights, const Tensor& bias,
            const LinearOptions& options, Tensor& y) {
  if (input.dim(0) == 0) return;
  int64_t first = 0;
  const CpuMatrix* last = nullptr;
  KernelRows x;
  for (const auto& part : static_cast<const MatrixStack&>(weights).parts) {
    const CpuMatrix& w = *part;
    if (w.out_features() == 0) continue;
    // A family prepares rows in one way, whatever its matrices are in.
    if (!last || typeid(w) != typeid(*last)) x = w.prepare(ctx, input);
    last = &w;
    multiply(ctx, x, {w, first}, bias, options, y);
    first += w.out_features();
  }
}

}  // namespace tern::cpu
