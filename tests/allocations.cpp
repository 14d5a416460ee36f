// SPDX-License-Identifier: Apache-2.0
#include "allocations.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> g_calls{0};
std::atomic<long> g_live{0};
thread_local size_t t_countdown = 0;  // 0: never fail
thread_local bool t_onwards = false;
thread_local bool t_hit = false;
thread_local size_t t_live = 0, t_peak = 0, t_base = 0;  // bytes

bool must_fail() {
  if (t_countdown == 0) return t_hit && t_onwards;
  if (--t_countdown > 0) return false;
  t_hit = true;
  return true;
}

void* allocate(size_t size, size_t alignment) noexcept {
  g_calls.fetch_add(1, std::memory_order_relaxed);
  if (must_fail()) return nullptr;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (rounded < size) return nullptr;
  void* memory = std::aligned_alloc(alignment, rounded ? rounded : alignment);
  if (!memory) return nullptr;
  g_live.fetch_add(1, std::memory_order_relaxed);
  t_live += malloc_usable_size(memory);
  t_peak = std::max(t_peak, t_live);
  return memory;
}

void* allocate_or_throw(size_t size, size_t alignment) {
  void* memory = allocate(size, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (!memory) return;
  g_live.fetch_sub(1, std::memory_order_relaxed);
  t_live -= malloc_usable_size(memory);
  std::free(memory);
}

constexpr size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(size_t size) {
  return allocate_or_throw(size, kDefault);
}
void* operator new[](size_t size) {
  return allocate_or_throw(size, kDefault);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kDefault);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kDefault);
}
void* operator new(size_t size, std::align_val_t a) {
  return allocate_or_throw(size, size_t(a));
}
void* operator new[](size_t size, std::align_val_t a) {
  return allocate_or_throw(size, size_t(a));
}
void* operator new(size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(size, size_t(a));
}
void* operator new[](size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(size, size_t(a));
}
void operator delete(void* p) noexcept {
  release(p);
}
void operator delete[](void* p) noexcept {
  release(p);
}
void operator delete(void* p, size_t) noexcept {
  release(p);
}
void operator delete[](void* p, size_t) noexcept {
  release(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  release(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  release(p);
}
void operator delete(void* p, size_t, std::align_val_t) noexcept {
  release(p);
}
void operator delete[](void* p, size_t, std::align_val_t) noexcept {
  release(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  release(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  release(p);
}
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  release(p);
}
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  release(p);
}

// Under a sanitizer a request that is too large must fail as it does without one.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" const char* __tsan_default_options() {
  return "allocator_may_return_null=1";
}

namespace tern::test {

size_t allocations() {
  return g_calls.load();
}
long live_allocations() {
  return g_live.load();
}

void start_peak() noexcept {
  t_base = t_peak = t_live;
}
size_t peak_bytes() noexcept {
  return t_peak - t_base;
}
size_t live_bytes() noexcept {
  return t_live;
}

FailAllocation::FailAllocation(size_t k, bool onwards) {
  t_hit = false;
  t_onwards = onwards;
  t_countdown = k;
}
FailAllocation::~FailAllocation() {
  t_countdown = 0;
  t_onwards = false;
}
bool FailAllocation::hit() const {
  return t_hit;
}

}  // namespace tern::test
