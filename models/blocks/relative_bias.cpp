// SPDX-License-Identifier: Apache-2.0
#include "relative_bias.h"

#include <algorithm>
#include <cmath>

#include "../../engine/nn.h"

namespace tern {

int64_t DistanceBuckets::of(int64_t distance) const {
  const int64_t count = both_directions ? buckets / 2 : buckets, exact = count / 2;
  const int64_t side = both_directions && distance > 0 ? count : 0;
  const int64_t n = both_directions ? std::abs(distance) : std::max<int64_t>(-distance, 0);
  if (n < exact) return side + n;
  const auto first = static_cast<float>(exact);
  const float scale =
      std::log(static_cast<float>(n) / first) / std::log(static_cast<float>(farthest) / first);
  const auto bucket = exact + static_cast<int64_t>(scale * static_cast<float>(count - exact));
  return side + std::min(bucket, count - 1);
}

RelativeBias::RelativeBias(const Tensor& learned, const DistanceBuckets& buckets, int64_t span)
    : learned_(to_f32(learned)), buckets_(buckets) {
  ready_ = Tensor::empty(DType::f32, {learned_.dim(1), 2 * span - 1});
  fill(ready_, 0);
}

void RelativeBias::fill(Tensor& table, int64_t from) const {
  const int64_t heads = table.dim(0), width = table.dim(1), span = (width + 1) / 2;
  for (int64_t n = from; n < span; ++n) {
    for (const int64_t d : {-n, n}) {
      const float* row = learned_.data<float>() + buckets_.of(d) * heads;
      for (int64_t h = 0; h < heads; ++h) table.data<float>()[h * width + span - 1 + d] = row[h];
    }
  }
}

Tensor RelativeBias::table(Context& ctx, int64_t span) const {
  if (2 * span - 1 <= ready_.dim(1)) return ready_;
  Tensor own = ctx.arena().tensor(DType::f32, {learned_.dim(1), 2 * span - 1});
  // One step more of a cache makes another table: what is ready is copied.
  const int64_t ready = (ready_.dim(1) + 1) / 2;
  for (int64_t h = 0; h < own.dim(0); ++h) {
    std::copy_n(ready_.data<float>() + h * ready_.dim(1), ready_.dim(1),
                own.data<float>() + h * own.dim(1) + span - ready);
  }
  fill(own, ready);
  return own;
}

}  // namespace tern
