// SPDX-License-Identifier: Apache-2.0
// argmax and the scan of top-k by their definition.

#include <stdint.h>

#include "topk.h"

namespace tern::kernels {
#include "rank.inc"

namespace {

int64_t argmax(const float* x, int64_t n) {
  int64_t best = n > 0 ? 0 : -1;
  for (int64_t i = 1; i < n; ++i) {
    if (rank_of(x[i], i) > rank_of(x[best], best)) best = i;
  }
  return best;
}

void scan(TopkScan& s) {
  for (; s.at < s.n && s.count + kScanSlack <= s.capacity; ++s.at) {
    if (s.x[s.at] <= s.above) continue;
    s.found[s.count++] = rank_of(s.x[s.at], s.at);
  }
}

}  // namespace

extern const TopkTable topk_generic;
const TopkTable topk_generic = {"topk_generic", Isa::generic, argmax, scan};

}  // namespace tern::kernels
