// SPDX-License-Identifier: Apache-2.0
// A Linear's weights become panels, one panel at a time on the pool; the pages of a file mapping
// are given back as they are consumed. Or they stay as they lie.
#include <algorithm>
#include <array>
#include <vector>

#include "../base/format.h"
#include "blocks.h"
#include "cpu_backend.h"
#include "matrix.h"
#include "weight_rows.h"

namespace tern::cpu {

namespace {

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

std::shared_ptr<CpuMatrix> matrix_of(std::span<const Tensor> weights, LinearFormat format) {
  int64_t n = 0;
  for (const Tensor& w : weights) n += w.dim(0);
  return make_matrix(n, weights[0].dim(1), std::move(format), weights[0].dtype());
}

std::shared_ptr<const CpuMatrix> with_panels(ThreadPool& pool, std::span<const Tensor> weights,
                                             LinearFormat format, bool woven) {
  const std::shared_ptr<CpuMatrix> matrix = matrix_of(weights, std::move(format));
  const int64_t n = matrix->out_features();
  if (n == 0) return matrix;
  const WeightRows rows(weights, woven);
  const int64_t panels = divide_up(n, matrix->panel);
  matrix->panels = weight_storage(matrix->panel_bytes * static_cast<size_t>(panels));
  // Made before the region: a tile must not throw, so it cannot allocate.
  const int64_t buffer = rows.gathered(*matrix);
  std::vector<float> gathered(static_cast<size_t>(buffer * pool.threads()));
  // Giving pages back stops all threads for a moment: not for each panel.
  constexpr int64_t kTogether = int64_t{512} << 10;
  const int64_t each = std::clamp<int64_t>(kTogether / static_cast<int64_t>(matrix->panel_bytes), 1,
                                           divide_up(panels, 4 * pool.threads()));
  pool.parallel_for(divide_up(panels, each), [&](int64_t item, int worker) {
    const int64_t end = std::min((item + 1) * each, panels);
    for (int64_t panel = item * each; panel < end; ++panel) {
      rows.pack(*matrix, panel, gathered.data() + buffer * worker,
                matrix->panels->data() + static_cast<size_t>(panel) * matrix->panel_bytes);
    }
    rows.drop_pages(item * each * matrix->panel, std::min(end * matrix->panel, n));
  });
  rows.drop_pages();  // where two items met inside a page, it has stayed so far
  return matrix;
}

std::shared_ptr<const CpuMatrix> with_rows(std::span<const Tensor> weights, LinearFormat format,
                                           bool woven) {
  const std::shared_ptr<CpuMatrix> matrix = matrix_of(weights, std::move(format));
  matrix->in_place = std::make_shared<WeightRows>(weights, woven);
  return matrix;
}

bool alike(DType a, DType b) {
  return a == b || (!block_size(a) && !block_size(b));
}

/// One matrix, by `make`, for each run of weights that are alike.
template <class Make>
std::shared_ptr<const PackedMatrix> stack(std::span<const Tensor> weights,
                                          const LinearFormat& format, const Make& make) {
  int64_t n = 0;
  for (const Tensor& w : weights) n += w.dim(0);
  const auto made =
      std::make_shared<MatrixStack>(n, weights.empty() ? 0 : weights[0].dim(1), format);
  while (!weights.empty()) {
    size_t count = 1;
    while (count < weights.size() && alike(weights[0].dtype(), weights[count].dtype())) ++count;
    made->parts.push_back(make(weights.first(count)));
    weights = weights.subspan(count);
  }
  return made;
}

}  // namespace

std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> weights,
                                         LinearFormat format, bool woven) {
  return stack(weights, format, [&](std::span<const Tensor> some) {
    return with_panels(pool, some, format, woven);
  });
}

std::shared_ptr<const PackedMatrix> in_place(std::span<const Tensor> weights, LinearFormat format,
                                             bool woven) {
  return stack(weights, format,
               [&](std::span<const Tensor> some) { return with_rows(some, format, woven); });
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
