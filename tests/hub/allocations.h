// SPDX-License-Identifier: Apache-2.0
// The test program's own operator new: counts live bytes and can make the k-th allocation fail.
#pragma once

#include <cstddef>

namespace tern::test {

/// Highest number of live bytes on this thread's heap since start_peak(), above the level then.
void start_peak() noexcept;
size_t peak_bytes() noexcept;

/// The k-th allocation from now on (1 is the next) throws bad_alloc, and with `onwards` so do all
/// after it; 0 stops that. Applies to this thread.
void fail_allocation(size_t k, bool onwards = false) noexcept;
/// Whether an allocation has failed since fail_allocation was last called.
bool allocation_failed() noexcept;

}  // namespace tern::test
