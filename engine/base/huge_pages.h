// SPDX-License-Identifier: Apache-2.0
// HugePages: an allocator for tables that are read here and there. In pages of 4 KiB a table of
// megabytes misses the TLB at nearly each access; Linux gives 2 MiB pages to who asks for them.
// They also make large scratch memory cheaper: one page fault for 512.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>

#include "env.h"

namespace tern {

/// Asks for large pages; where there are none, nothing happens.
void advise_huge_pages(void* begin, size_t bytes) noexcept;

template <class T>
struct HugePages {
  using value_type = T;
  static constexpr size_t kPage = size_t{2} << 20;
  static constexpr size_t kAlign = std::max(alignof(T), alignof(std::max_align_t));

  HugePages() = default;
  template <class U>
  HugePages(const HugePages<U>&) noexcept {}  // NOLINT: allocators convert

  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
    const size_t bytes = count * sizeof(T);
    if (bytes < kPage) {
      return static_cast<T*>(::operator new (bytes, std::align_val_t{kAlign}));
    }
    // Only whole pages are asked for: the rest would take as much memory again.
    void* const p = ::operator new (bytes, std::align_val_t{kPage});
    advise_huge_pages(p, bytes / kPage * kPage);
    return static_cast<T*>(p);
  }
  void deallocate(T* p, size_t count) noexcept {
    const size_t bytes = count * sizeof(T);
    ::operator delete (p, std::align_val_t{bytes < kPage ? kAlign : kPage});
  }
  template <class U>
  bool operator==(const HugePages<U>&) const noexcept {
    return true;
  }
};

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
