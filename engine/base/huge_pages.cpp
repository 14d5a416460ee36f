// SPDX-License-Identifier: Apache-2.0
// The one system call; see huge_pages.h.
#include "huge_pages.h"

#include <sys/mman.h>

namespace tern {

void advise_huge_pages(void* begin, size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  ::madvise(begin, bytes, MADV_HUGEPAGE);
#else
  static_cast<void>(begin), static_cast<void>(bytes);
#endif
}

}  // namespace tern
