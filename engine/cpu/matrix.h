// SPDX-License-Identifier: Apache-2.0
// A Linear's weights as panels of one family of kernels, and what the families have in common, so
// that pack.cpp and linear.cpp treat them alike:
//   matrix_float.cpp       f32, f16, bf16 weights   kernels/gemm
//   matrix_quantised.cpp   int8, int4, blocks       kernels/gemm_int8, kernels/gemm_block
#pragma once

#include <memory>
#include <vector>

#include "../../kernels/gemm/epilogue.h"
#include "../../kernels/gemm_block/blocks.h"
#include "../context.h"

namespace tern::cpu {

/// Rows of weights that become one panel, or its beginning.
struct PanelSource {
  const std::byte* rows;   // [count, k], or the gate [count / 2, k]
  const std::byte* up;     // null, or the other half; columns alternate: gate, up, gate, …
  kernels::Format format;  // of floats
  int64_t count;           // columns of the panel in use
};

/// x as a kernel reads it: the tensor itself, or a converted or quantised copy in the arena.
struct KernelRows {
  Tensor storage = {};
  const std::byte* data = nullptr;
  int64_t stride = 0;  // bytes
};

/// One rectangle of y: rows and panels of it.
struct Rectangle {
  int64_t m, n;
  const std::byte* a;  // its first row in KernelRows
  int64_t stride;
  const std::byte* b;  // its first panel
  kernels::Epilogue out;
};

class WeightRows;

class CpuMatrix : public PackedMatrix {
 public:
  size_t bytes() const noexcept override { return panels ? panels->size() : 0; }

  /// The kernel whose layout the panels have.
  virtual const char* kernel() const noexcept = 0;
  /// Writes one panel.
  virtual void pack(const PanelSource& source, std::byte* out) const = 0;
  /// For run() of any matrix of this class with as many in_features.
  virtual KernelRows prepare(Context& ctx, const Tensor& x) const = 0;
  virtual void run(const Rectangle& r) const = 0;

  int panel = 0;           // columns per panel, even
  int rows = 0;            // of the largest register tile
  size_t panel_bytes = 0;  // of one panel; they lie one behind the other
  /// Made once, or null: then for each product, from these.
  StorageRef panels;
  std::shared_ptr<const WeightRows> in_place;

 protected:
  using PackedMatrix::PackedMatrix;
};

/// What Backend::pack makes: matrices one below the other, each of one format.
class MatrixStack final : public PackedMatrix {
 public:
  MatrixStack(int64_t n, int64_t k, LinearFormat format) : PackedMatrix(n, k, format) {}
  size_t bytes() const noexcept override {
    size_t sum = 0;
    for (const auto& part : parts) sum += part->bytes();
    return sum;
  }

  std::vector<std::shared_ptr<const CpuMatrix>> parts;
};

// One per family; the panels are not allocated yet.
std::shared_ptr<CpuMatrix> float_matrix(int64_t n, int64_t k, LinearFormat format);
std::shared_ptr<CpuMatrix> quantised_matrix(int64_t n, int64_t k, LinearFormat format);
/// Sources are rows of these blocks.
std::shared_ptr<CpuMatrix> block_matrix(int64_t n, int64_t k, LinearFormat format,
                                        kernels::BlockFormat blocks);

}  // namespace tern::cpu
