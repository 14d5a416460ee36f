// SPDX-License-Identifier: Apache-2.0
// The test program's operator new counts calls and can be told to fail.
#pragma once

#include <cstddef>

namespace tern::test {

/// Calls of operator new (all forms, all threads) since the program started.
size_t allocations();
/// Calls of operator new less those of operator delete.
long live_allocations();

/// Makes the k-th call of operator new from now on this thread fail, k = 1, 2, …; `onwards`: and
/// all after it. Ends with the object.
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
