// SPDX-License-Identifier: Apache-2.0
// How much this CPU caches, for the blocking of kernels. Results never depend on it, only speed.
#pragma once

#include <stdint.h>

namespace tern::kernels {

/// Bytes that one core can count on; a typical size where the CPU does not tell.
struct CacheSizes {
  int64_t l2 = 512 << 10;  // of one that more than two threads share, what falls to two of them
};

/// Read once.
const CacheSizes& cache_sizes() noexcept;

}  // namespace tern::kernels
