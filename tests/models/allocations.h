// SPDX-License-Identifier: Apache-2.0
// Counts every heap allocation of this program (malloc and what is built on it), on all threads.
#pragma once

#include <cstdint>

namespace tern::golden {

/// Allocations so far; always 0 where they cannot be counted (sanitizers bring their own malloc).
uint64_t allocations() noexcept;
bool allocations_are_counted() noexcept;

}  // namespace tern::golden
