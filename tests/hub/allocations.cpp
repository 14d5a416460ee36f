// SPDX-License-Identifier: Apache-2.0
#include "allocations.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local size_t t_live = 0, t_peak = 0, t_base = 0;
thread_local size_t t_countdown = 0;
thread_local bool t_onwards = false, t_failed = false;

void* allocate(size_t size) noexcept {
  if (t_countdown > 0 && --t_countdown == 0) {
    if (t_onwards) t_countdown = 1;
    t_failed = true;
    return nullptr;
  }
  void* memory = std::malloc(std::max<size_t>(size, 1));
  if (memory) t_live += malloc_usable_size(memory);
  t_peak = std::max(t_peak, t_live);
  return memory;
}

void release(void* memory) noexcept {
  if (memory) t_live -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) {
  if (void* memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete[](void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

namespace tern::test {

void start_peak() noexcept { t_base = t_peak = t_live; }
size_t peak_bytes() noexcept { return t_peak - t_base; }

void fail_allocation(size_t k, bool onwards) noexcept {
  t_countdown = k;
  t_onwards = onwards;
  t_failed = false;
}

bool allocation_failed() noexcept { return t_failed; }

}  // namespace tern::test
