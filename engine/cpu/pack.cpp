// SPDX-License-Identifier: Apache-2.0
// A Linear's weights become panels, one panel at a time on the pool; the pages of a file mapping are
// given back as they are consumed. Weights stand one below the other, or two of them column by
// column (gate and up).
#include <algorithm>
#include <array>
#include <vector>

#include "../../kernels/elementwise/elementwise.h"
#include "../base/format.h"
#include "../weight_stream.h"
#include "blocks.h"
#include "cpu_backend.h"
#include "matrix.h"

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

int64_t row_bytes(const Tensor& w) {
  return static_cast<int64_t>(tern::row_bytes(w.dtype(), static_cast<size_t>(w.dim(1))));
}

const std::byte* row_address(const Tensor& w, int64_t row) {
  return w.raw() + row * row_bytes(w);
}

/// Of the rows [begin, end) of the stack, or of the woven whole.
void drop_rows(std::span<const Part> parts, bool woven, int64_t begin, int64_t end) {
  for (const Part& p : parts) {
    const int64_t from = woven ? begin / 2 : std::max(begin, p.begin) - p.begin;
    const int64_t to = woven ? end / 2 : std::min(end, p.end) - p.begin;
    if (from >= to) continue;
    const std::byte* first = row_address(*p.weight, from);
    p.weight->storage()->drop_pages(
        first, static_cast<size_t>(row_address(*p.weight, to) - first));
  }
}

/// A panel whose rows come from several parts is gathered in `rows` [panel, k] first: floats as
/// f32, blocks as they are.
void pack_straddling(const CpuMatrix& m, std::span<const Part> parts, int64_t begin, int64_t end,
                     float* rows, std::byte* out) {
  const int64_t k = m.in_features();
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  auto* gathered = reinterpret_cast<std::byte*>(rows);
  for (const Part& p : parts) {
    const int64_t from = std::max(begin, p.begin);
    const int64_t to = std::min(end, p.end);
    if (from >= to) continue;
    const std::byte* source = row_address(*p.weight, from - p.begin);
    if (block_size(p.weight->dtype())) {
      const int64_t row = row_bytes(*p.weight);  // less than k floats
      std::copy_n(source, (to - from) * row, gathered + (from - begin) * row);
    } else {
      convert(source, kernel_format(p.weight->dtype()), rows + (from - begin) * k,
              kernels::Format::f32, (to - from) * k);
    }
  }
  m.pack({gathered, nullptr, kernels::Format::f32, end - begin}, out);
}

void pack_stacked(const CpuMatrix& m, std::span<const Part> parts, int64_t panel,
                  float* rows, std::byte* out) {
  const int64_t begin = panel * m.panel;
  const int64_t end = std::min(begin + m.panel, m.out_features());
  for (const Part& p : parts) {
    if (begin < p.begin || begin >= p.end) continue;
    if (end > p.end) return pack_straddling(m, parts, begin, end, rows, out);
    const Tensor& w = *p.weight;
    return m.pack({row_address(w, begin - p.begin), nullptr, kernel_format(w.dtype()), end - begin},
                  out);
  }
}

void pack_woven(const CpuMatrix& m, std::span<const Tensor> gate_up, int64_t panel,
                std::byte* out) {
  const int64_t begin = panel * m.panel / 2;
  const int64_t end = std::min(begin + m.panel / 2, m.out_features() / 2);
  const Tensor &gate = gate_up[0], &up = gate_up[1];
  m.pack({row_address(gate, begin), row_address(up, begin), kernel_format(gate.dtype()),
          2 * (end - begin)},
         out);
}

/// Does some part, but the last, end inside a panel?
bool straddles(std::span<const Part> parts, int panel) {
  return std::any_of(parts.begin(), parts.end() - 1,
                     [&](const Part& p) { return p.end % panel != 0; });
}

bool quantised(LinearFormat format) {
  return format.weights == WeightFormat::int8 || format.weights == WeightFormat::int4;
}

std::shared_ptr<CpuMatrix> make_matrix(int64_t n, int64_t k, LinearFormat format, DType stored) {
  if (block_size(stored)) {
    const auto blocks = product_format(stored);
    if (!blocks) {
      fail(ErrorCode::internal, cat("weights in ", to_string(stored), " have no products"));
    }
    return block_matrix(n, k, format, *blocks);
  }
  return quantised(format) ? quantised_matrix(n, k, format) : float_matrix(n, k, format);
}

/// Weights that are all floats, or all in the same blocks.
std::shared_ptr<const CpuMatrix> pack_alike(ThreadPool& pool, std::span<const Tensor> weights,
                                            LinearFormat format, bool woven) {
  const std::vector<Part> parts = stack(weights);
  const int64_t n = parts.back().end, k = weights[0].dim(1);
  const std::shared_ptr<CpuMatrix> matrix = make_matrix(n, k, format, weights[0].dtype());
  if (n == 0) return matrix;
  const int64_t panels = divide_up(n, matrix->panel);
  const size_t size = matrix->panel_bytes * static_cast<size_t>(panels);
  matrix->panels = format.brief ? format.stream->room(size) : weight_storage(size);
  // Made before the region: a tile must not throw, so it cannot allocate.
  const int64_t buffer = !woven && straddles(parts, matrix->panel) ? matrix->panel * k : 0;
  std::vector<float> rows(static_cast<size_t>(buffer * pool.threads()));
  // Giving pages back stops all threads for a moment: not for each panel.
  constexpr int64_t kTogether = int64_t{512} << 10;
  const int64_t each = std::clamp<int64_t>(kTogether / static_cast<int64_t>(matrix->panel_bytes), 1,
                                           divide_up(panels, 4 * pool.threads()));
  pool.parallel_for(divide_up(panels, each), [&](int64_t item, int worker) {
    const int64_t end = std::min((item + 1) * each, panels);
    for (int64_t panel = item * each; panel < end; ++panel) {
      std::byte* out = matrix->panels->data() + static_cast<size_t>(panel) * matrix->panel_bytes;
      if (woven) {
        pack_woven(*matrix, weights, panel, out);
      } else {
        pack_stacked(*matrix, parts, panel, rows.data() + buffer * worker, out);
      }
    }
    drop_rows(parts, woven, item * each * matrix->panel, std::min(end * matrix->panel, n));
  });
  // Where two items meet inside a page, it has stayed so far.
  for (const Tensor& w : weights) w.storage()->drop_pages(w.raw(), w.bytes());
  return matrix;
}

bool alike(DType a, DType b) {
  return a == b || (!block_size(a) && !block_size(b));
}

}  // namespace

std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> weights,
                                         LinearFormat format, bool woven) {
  int64_t n = 0;
  for (const Tensor& w : weights) n += w.dim(0);
  const auto made =
      std::make_shared<MatrixStack>(n, weights.empty() ? 0 : weights[0].dim(1), format);
  while (!weights.empty()) {
    size_t count = 1;
    while (count < weights.size() && alike(weights[0].dtype(), weights[count].dtype())) ++count;
    made->parts.push_back(pack_alike(pool, weights.first(count), format, woven));
    weights = weights.subspan(count);
  }
  return made;
}

StorageRef panels(const PackedMatrix& w) {
  const auto& parts = static_cast<const MatrixStack&>(w).parts;
  return parts.size() == 1 && parts[0]->bytes() % kAlignment == 0 ? parts[0]->panels : StorageRef();
}

std::shared_ptr<const PackedMatrix> adopt(int64_t n, int64_t k, LinearFormat format,
                                          StorageRef panels) {
  const std::shared_ptr<CpuMatrix> matrix = make_matrix(n, k, format, DType::f32);
  const size_t size = matrix->panel_bytes * static_cast<size_t>(divide_up(n, matrix->panel));
  const bool aligned = reinterpret_cast<uintptr_t>(panels->data()) % kAlignment == 0;
  if (panels->size() != size || !aligned) return nullptr;
  matrix->panels = std::move(panels);
  const auto made = std::make_shared<MatrixStack>(n, k, format);
  made->parts.push_back(matrix);
  return made;
}

std::string packed_layout(LinearFormat format) {
  // Raised when a packer writes other bytes than before: panels in caches are then made anew.
  constexpr int kPackers = 1;
  constexpr std::array kNames = {"float32 ", "bfloat16 ", "float16 ", "int8 ", "int4 "};
  return cat("cpu ", kPackers, " ", kNames.at(static_cast<size_t>(format.weights)),
             make_matrix(1, 1, format, DType::f32)->kernel());
}

}  // namespace tern::cpu
