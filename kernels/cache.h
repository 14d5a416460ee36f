// SPDX-License-Identifier: Apache-2.0
// How much this CPU caches, for the blocking of kernels. Results never depend on it, only speed.
#pragma once

#include <stdint.h>

namespace tern::kernels {

/// Bytes that one core can count on; typical sizes where the CPU does not tell.
struct CacheSizes {
  int64_t l1 = 32 << 10;   // data
  int64_t l2 = 512 << 10;  // divided by the cores of a cluster that share it
  int64_t l3 = 8 << 20;    // the whole of it
};

/// Read once.
const CacheSizes& cache_sizes() noexcept;

}  // namespace tern::kernels
