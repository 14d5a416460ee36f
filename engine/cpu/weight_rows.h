// SPDX-License-Identifier: Apache-2.0
// A Linear's weights as they lie, in a file's mapping or anywhere: one below the other, or two of
// them column by column (gate and up). Panels are made from them, once (pack.cpp) or for each
// product (linear.cpp).
#pragma once

#include <span>
#include <vector>

#include "matrix.h"

namespace tern::cpu {

class WeightRows {
 public:
  /// As Backend::pack takes them, but all floats, or all in the same blocks.
  WeightRows(std::span<const Tensor> weights, bool woven);

  /// Floats that pack() needs for rows of several weights in one panel.
  int64_t gathered(const CpuMatrix& m) const;
  /// Writes one panel of m.
  void pack(const CpuMatrix& m, int64_t panel, float* gathered, std::byte* out) const;

  /// Gives pages of file mappings back: those of rows [begin, end) of the matrix, or all.
  void drop_pages(int64_t begin, int64_t end) const;
  void drop_pages() const;

 private:
  /// Its rows are rows [begin, end) of the whole.
  struct Part {
    Tensor weight;
    int64_t begin, end;
  };
  void pack_straddling(const CpuMatrix& m, int64_t begin, int64_t end, float* rows,
                       std::byte* out) const;

  std::vector<Part> parts_;
  bool woven_;
};

}  // namespace tern::cpu
