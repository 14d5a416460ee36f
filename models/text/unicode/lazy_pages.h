// SPDX-License-Identifier: Apache-2.0
// LazyPages: a table of all code points whose pages of 256 are made when first needed. Any number
// of threads may ask.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace tern::text {

/// `Page` is indexed by the low eight bits of a code point.
template <class Page>
class LazyPages {
 public:
  LazyPages() = default;
  ~LazyPages() {
    for (auto& page : pages_) delete page.load(std::memory_order_relaxed);
  }
  LazyPages(const LazyPages&) = delete;
  LazyPages& operator=(const LazyPages&) = delete;

  /// The page that `c` is on; `value_of(code point)` gives what it holds, the same at any time.
  template <class ValueOf>
  const Page& page_of(char32_t c, const ValueOf& value_of) const {
    const Page* page = pages_[c >> 8].load(std::memory_order_acquire);
    return page ? *page : make(c >> 8, value_of);
  }

 private:
  template <class ValueOf>
  const Page& make(size_t index, const ValueOf& value_of) const {
    auto page = std::make_unique<Page>();
    for (size_t i = 0; i < 256; ++i) {
      (*page)[i] = value_of(static_cast<char32_t>(index << 8 | i));
    }
    const Page* expected = nullptr;
    // Another thread may have been faster; its page is the same.
    if (!pages_[index].compare_exchange_strong(expected, page.get(), std::memory_order_acq_rel)) {
      return *expected;
    }
    return *page.release();
  }

  mutable std::array<std::atomic<const Page*>, 0x1100> pages_{};
};

}  // namespace tern::text
