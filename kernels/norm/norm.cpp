// SPDX-License-Identifier: Apache-2.0
// The registry of norms: the lines of norm.inc in their order, best first; and the small step of
// group norm that has no variants.

#include "norm.h"

#include <math.h>

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const NormTable symbol;
#include "norm.inc"
#undef TERN_VARIANT

Variants<NormTable> norm_variants() {
  static constexpr const NormTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "norm.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

namespace {

/// Moments of a growing set of values (Chan 1979): mean and sum of (x - mean)².
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void merge(double n, double other_mean, double other_squares) {
    const double both = count + n, apart = other_mean - mean;
    squares += other_squares + apart * apart * (count * n / both);
    mean += apart * (n / both);
    count = both;
  }
};

}  // namespace

void merge_moments(const GroupMoments& a) {
  if (a.rows <= 0 || a.channels <= 0) return;
  const int64_t blocks = (a.rows + kMomentRows - 1) / kMomentRows, wide = a.channels / a.groups;
  for (int64_t first = 0; first < a.channels; first += wide) {
    Moments group;
    for (int64_t c = first; c < first + wide; ++c) {
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t left = a.rows - b * kMomentRows;
        const double count = static_cast<double>(left < kMomentRows ? left : kMomentRows);
        group.merge(count, a.mean[b * a.channels + c], a.squares[b * a.channels + c]);
      }
    }
    const double variance = group.squares / group.count;
    const double reciprocal = 1 / sqrt(variance + static_cast<double>(a.eps));
    for (int64_t c = first; c < first + wide; ++c) {
      const double weight = a.weight != nullptr ? static_cast<double>(a.weight[c]) : 1;
      a.centre[c] = static_cast<float>(group.mean);
      a.scale[c] = static_cast<float>(reciprocal * weight);
    }
  }
}

}  // namespace tern::kernels
