// SPDX-License-Identifier: Apache-2.0
// The test program's own operator new, of any alignment: counts calls and bytes, and can be told to
// fail.
#pragma once

#include <cstddef>

namespace tern::test {

/// Calls of operator new (all forms, all threads) since the program started.
size_t allocations();
/// Calls of operator new less those of operator delete.
long live_allocations();

/// Highest number of live bytes on this thread's heap since start_peak(), above the level then.
void start_peak() noexcept;
size_t peak_bytes() noexcept;
/// What this thread has allocated less what it has freed.
size_t live_bytes() noexcept;

/// Makes the k-th call of operator new from now on this thread fail, k = 1, 2, …, or none with 0;
/// `onwards`: and all after it. Ends with the object.
class FailAllocation {
 public:
  explicit FailAllocation(size_t k, bool onwards = false);
  ~FailAllocation();
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;
  /// True when a call was made to fail.
  bool hit() const;
};

}  // namespace tern::test
