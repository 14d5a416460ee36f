// SPDX-License-Identifier: Apache-2.0
// T5's relative positions (Raffel 2019): a learned number per head and bucket of distances is added
// to the attention scores; buckets are exact for short distances and logarithmic beyond.
#pragma once

#include <cstdint>

#include "../../engine/context.h"

namespace tern {

struct DistanceBuckets {
  int64_t buckets = 32;
  int64_t farthest = 128;       // from here on all distances share a bucket
  bool both_directions = true;  // half the buckets for keys behind the query; else those share one

  /// Of distance = key position - query position. Single precision, as the models were trained.
  int64_t of(int64_t distance) const;
};

class RelativeBias {
 public:
  RelativeBias() = default;
  /// learned: [buckets, heads]. Kept ready for sequences up to `span`.
  RelativeBias(const Tensor& learned, const DistanceBuckets& buckets, int64_t span);

  /// [heads, 2·s - 1] for AttentionOptions with s ≥ span; on the arena when it is not ready.
  Tensor table(Context& ctx, int64_t span) const;

 private:
  /// Distances of `from` and more, in both directions.
  void fill(Tensor& table, int64_t from) const;

  Tensor learned_, ready_;
  DistanceBuckets buckets_;
};

}  // namespace tern
