// SPDX-License-Identifier: Apache-2.0
// The largest of n floats, exactly. NaN counts as the largest, as in torch; -0 equals 0; of equals
// the lowest index comes first.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

/// A scan for elements above a threshold: what a variant of top-k speeds up.
struct TopkScan {
  const float* x;
  int64_t n;         // < 2^32
  int64_t at;        // first index not yet looked at; advanced
  float above;       // not NaN
  uint64_t* found;   // ranks (rank.inc) of the elements that are not <= above, ascending index
  int64_t count;     // advanced
  int64_t capacity;  // the scan stops when kScanSlack places might not be enough
};
constexpr int64_t kScanSlack = 64;

struct TopkTable {
  const char* name;  // "topk_avx512"
  Isa isa;
  /// The index of the largest; -1 when n is 0.
  int64_t (*argmax)(const float* x, int64_t n);
  void (*scan)(TopkScan&);
};

Variants<TopkTable> topk_variants();

struct TopkArgs {
  const float* x;
  int64_t n;          // < 2^32
  int64_t k;          // 0 … n
  float* values;      // [k], descending; or null
  int64_t* indices;   // [k]
  uint64_t* scratch;  // topk_scratch(n, k) elements
};

int64_t topk_scratch(int64_t n, int64_t k);

/// Time about one reading of x while k is a small part of n; a radix sort of all from n / 4 on.
void topk(const TopkTable& table, const TopkArgs& args);

}  // namespace tern::kernels
