// SPDX-License-Identifier: Apache-2.0
// The system call, and zeros; see huge_pages.h.
#include "huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace tern {

void advise_huge_pages(void* begin, size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  ::madvise(begin, bytes, MADV_HUGEPAGE);
#else
  static_cast<void>(begin), static_cast<void>(bytes);
#endif
}

ZeroedPages::ZeroedPages(size_t bytes)
    : memory_(env().map_memory(bytes + HugePages<std::byte>::kPage)) {
  constexpr size_t kPage = HugePages<std::byte>::kPage;
  const auto begin = reinterpret_cast<uintptr_t>(memory_.data);
  data_ = const_cast<std::byte*>(memory_.data) + (kPage - begin % kPage) % kPage;
  advise_huge_pages(data_, bytes / kPage * kPage);
}

ZeroedPages::~ZeroedPages() {
  env().unmap(memory_);
}

}  // namespace tern
