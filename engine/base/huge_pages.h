// SPDX-License-Identifier: Apache-2.0
// HugePages: an allocator for tables that are read here and there. In pages of 4 KiB a table of
// megabytes misses the TLB at nearly each access; Linux gives 2 MiB pages to who asks for them.
// They also make large scratch memory cheaper: one page fault for 512.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "env.h"

namespace tern {

/// Asks for large pages; where there are none, nothing happens.
void advise_huge_pages(void* begin, size_t bytes) noexcept;

template <class T>
struct HugePages {
  using value_type = T;
  static constexpr size_t kPage = size_t{2} << 20;
  static constexpr size_t kAlign = std::max(alignof(T), alignof(std::max_align_t));
  static constexpr size_t kUsual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

  HugePages() = default;
  template <class U>
  HugePages(const HugePages<U>&) noexcept {}  // NOLINT: allocators convert

  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    const size_t bytes = count * sizeof(T);
    if (bytes < kPage) {
      // Without the alignment where it says nothing: that way is the allocator's short one.
      if constexpr (kAlign <= kUsual) return static_cast<T*>(::operator new(bytes));
      return static_cast<T*>(::operator new (bytes, std::align_val_t{kAlign}));
    }
    // Only whole pages are asked for: the rest would take as much memory again.
    void* const p = ::operator new (bytes, std::align_val_t{kPage});
    advise_huge_pages(p, bytes / kPage * kPage);
    return static_cast<T*>(p);
  }
  void deallocate(T* p, size_t count) noexcept {
    const bool small = count * sizeof(T) < kPage;
    if (small && kAlign <= kUsual) return ::operator delete(p);
    ::operator delete (p, std::align_val_t{small ? kAlign : kPage});
  }
  template <class U>
  bool operator==(const HugePages<U>&) const noexcept {
    return true;
  }
};

/// Room for `more` elements in somebody's vector, at least twice what there was: large memory is
/// asked for in large pages before it is touched.
template <class T>
void make_room(std::vector<T>& v, size_t more) {
  if (v.capacity() - v.size() >= more) return;
  constexpr size_t kPage = HugePages<T>::kPage;
  const size_t count = std::max(v.size() + more, 2 * v.capacity());
  if (count < 2 * kPage / sizeof(T)) return v.reserve(count);
  std::vector<T> larger;
  larger.reserve(count);
  const size_t before = -reinterpret_cast<uintptr_t>(larger.data()) % kPage;
  const size_t whole = (larger.capacity() * sizeof(T) - before) / kPage * kPage;
  advise_huge_pages(reinterpret_cast<std::byte*>(larger.data()) + before, whole);
  larger.insert(larger.end(), v.begin(), v.end());
  v.swap(larger);
}

/// Zeroed bytes for a table that fills up later: large ones take memory where they are touched.
/// Not from the heap, which would write zeros over all of a block that was used before.
class ZeroedPages {
 public:
  /// Error out_of_memory.
  explicit ZeroedPages(size_t bytes);
  ~ZeroedPages();
  ZeroedPages(const ZeroedPages&) = delete;
  ZeroedPages& operator=(const ZeroedPages&) = delete;
  /// Aligned to a large page.
  void* data() const noexcept { return data_; }

 private:
  FileMapping memory_;
  void* data_;
};

}  // namespace tern
