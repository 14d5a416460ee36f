// SPDX-License-Identifier: Apache-2.0
#include "weight_rows.h"

#include <algorithm>

#include "../../kernels/elementwise/elementwise.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

int64_t row_bytes(const Tensor& w) {
  return static_cast<int64_t>(tern::row_bytes(w.dtype(), static_cast<size_t>(w.dim(1))));
}

const std::byte* row_address(const Tensor& w, int64_t row) {
  return w.raw() + row * row_bytes(w);
}

}  // namespace

WeightRows::WeightRows(std::span<const Tensor> weights, bool woven) : woven_(woven) {
  int64_t row = 0;
  for (const Tensor& w : weights) {
    parts_.push_back({w, row, row + w.dim(0)});
    row += w.dim(0);
  }
}

int64_t WeightRows::gathered(const CpuMatrix& m) const {
  const bool straddles =
      !woven_ && std::any_of(parts_.begin(), parts_.end() - 1,
                             [&](const Part& p) { return p.end % m.panel != 0; });
  return straddles ? m.panel * m.in_features() : 0;
}

void WeightRows::pack(const CpuMatrix& m, int64_t panel, float* gathered, std::byte* out) const {
  const int64_t begin = panel * m.panel;
  const int64_t end = std::min(begin + m.panel, m.out_features());
  if (woven_) {
    const Tensor &gate = parts_[0].weight, &up = parts_[1].weight;
    return m.pack({row_address(gate, begin / 2), row_address(up, begin / 2),
                   kernel_format(gate.dtype()), end - begin},
                  out);
  }
  for (const Part& p : parts_) {
    if (begin < p.begin || begin >= p.end) continue;
    if (end > p.end) return pack_straddling(m, begin, end, gathered, out);
    const Tensor& w = p.weight;
    return m.pack({row_address(w, begin - p.begin), nullptr, kernel_format(w.dtype()), end - begin},
                  out);
  }
}

/// A panel whose rows come from several weights is gathered in `rows` [panel, k] first: floats as
/// f32, blocks as they are.
void WeightRows::pack_straddling(const CpuMatrix& m, int64_t begin, int64_t end, float* rows,
                                 std::byte* out) const {
  const int64_t k = m.in_features();
  const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
  auto* gathered = reinterpret_cast<std::byte*>(rows);
  for (const Part& p : parts_) {
    const int64_t from = std::max(begin, p.begin);
    const int64_t to = std::min(end, p.end);
    if (from >= to) continue;
    const std::byte* source = row_address(p.weight, from - p.begin);
    if (block_size(p.weight.dtype())) {
      const int64_t row = row_bytes(p.weight);  // less than k floats
      std::copy_n(source, (to - from) * row, gathered + (from - begin) * row);
    } else {
      convert(source, kernel_format(p.weight.dtype()), rows + (from - begin) * k,
              kernels::Format::f32, (to - from) * k);
    }
  }
  m.pack({gathered, nullptr, kernels::Format::f32, end - begin}, out);
}

void WeightRows::drop_pages(int64_t begin, int64_t end) const {
  for (const Part& p : parts_) {
    const int64_t from = woven_ ? begin / 2 : std::max(begin, p.begin) - p.begin;
    const int64_t to = woven_ ? end / 2 : std::min(end, p.end) - p.begin;
    if (from >= to) continue;
    const std::byte* first = row_address(p.weight, from);
    p.weight.storage()->drop_pages(first, static_cast<size_t>(row_address(p.weight, to) - first));
  }
}

void WeightRows::drop_pages() const {
  for (const Part& p : parts_) p.weight.storage()->drop_pages(p.weight.raw(), p.weight.bytes());
}

}  // namespace tern::cpu
