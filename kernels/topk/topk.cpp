// SPDX-License-Identifier: Apache-2.0
// The registry of top-k: the lines of topk.inc in their order, best first; and what all variants
// share: candidates are collected by the variant's scan, thinned to the best k whenever their
// buffer is full, which raises the threshold, and sorted in the end.

#include "topk.h"

#include <algorithm>
#include <functional>

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const TopkTable symbol;
#include "topk.inc"
#undef TERN_VARIANT

Variants<TopkTable> topk_variants() {
  static constexpr const TopkTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "topk.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

#include "rank.inc"

namespace {

constexpr int64_t kSmall = 2048;  // up to here a comparison sort is the faster one

int64_t capacity_for(int64_t k) {
  return 2 * k + 1024 + kScanSlack;
}

/// Scanning does not pay: most elements are candidates, or they are few.
bool takes_all(int64_t n, int64_t k) {
  return n <= capacity_for(k) || k >= n / 4;
}

/// Descending by the upper half, keeping the order of equals: three passes of 11 bits, to and fro
/// between `ranks` and `other`; returns the one that has the result.
uint64_t* radix_sort(uint64_t* ranks, uint64_t* other, int64_t n) {
  for (int shift = 32; shift < 64; shift += 11) {
    const auto digit = [shift](uint64_t rank) { return 2047 - ((rank >> shift) & 2047); };
    int64_t start[2048] = {};
    for (int64_t i = 0; i < n; ++i) ++start[digit(ranks[i])];
    int64_t sum = 0;
    for (int64_t& s : start) {
      const int64_t count = s;
      s = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; ++i) other[start[digit(ranks[i])]++] = ranks[i];
    std::swap(ranks, other);
  }
  return ranks;
}

/// The best k of `count` ranks to the front, in order.
void sort_best(uint64_t* ranks, int64_t count, int64_t k) {
  if (k < count) std::nth_element(ranks, ranks + k, ranks + count, std::greater<>());
  std::sort(ranks, ranks + k, std::greater<>());
}

/// All elements ranked; returns where the sorted ones are.
const uint64_t* best_of_all(const TopkArgs& a) {
  for (int64_t i = 0; i < a.n; ++i) a.scratch[i] = rank_of(a.x[i], i);
  if (a.n > kSmall) return radix_sort(a.scratch, a.scratch + a.n, a.n);
  sort_best(a.scratch, a.n, a.k);
  return a.scratch;
}

const uint64_t* best_by_scan(const TopkTable& table, const TopkArgs& a) {
  TopkScan scan = {a.x, a.n, 0, 0, a.scratch, 0, capacity_for(a.k)};
  for (; scan.count < a.k + 256; ++scan.count) {
    scan.found[scan.count] = rank_of(a.x[scan.count], scan.count);
  }
  scan.at = scan.count;
  for (;;) {
    std::nth_element(scan.found, scan.found + a.k - 1, scan.found + scan.count, std::greater<>());
    scan.count = a.k;
    scan.above = a.x[index_of_rank(scan.found[a.k - 1])];
    // Later elements lose against equals, so nothing is above the k-th NaN.
    if (scan.at >= a.n || scan.above != scan.above) break;
    table.scan(scan);
  }
  sort_best(scan.found, a.k, a.k);
  return scan.found;
}

}  // namespace

int64_t topk_scratch(int64_t n, int64_t k) {
  if (!takes_all(n, k)) return capacity_for(k);
  return n > kSmall ? 2 * n : n;
}

void topk(const TopkTable& table, const TopkArgs& a) {
  if (a.k <= 0) return;
  const uint64_t* best = takes_all(a.n, a.k) ? best_of_all(a) : best_by_scan(table, a);
  for (int64_t i = 0; i < a.k; ++i) {
    a.indices[i] = index_of_rank(best[i]);
    if (a.values != nullptr) a.values[i] = a.x[a.indices[i]];
  }
}

}  // namespace tern::kernels
