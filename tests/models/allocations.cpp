// SPDX-License-Identifier: Apache-2.0
// malloc and its kin in front of glibc's own, so that operator new, aligned memory and the C
// library are all counted.
#include "allocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TERN_COUNTS_MALLOC 1
#else
#define TERN_COUNTS_MALLOC 0
#endif

namespace {
std::atomic<uint64_t> count{0};
}

#if TERN_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t n, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(n, size);
}
void* realloc(void* old, size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
}
#endif

namespace tern::golden {

uint64_t allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}
bool allocations_are_counted() noexcept {
  return TERN_COUNTS_MALLOC != 0;
}

}  // namespace tern::golden
