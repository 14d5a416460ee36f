// SPDX-License-Identifier: Apache-2.0
// How the benchmarks of this folder measure: contestants take turns in short windows of CPU time,
// the best window of each counts, and counters carry the shares and ratios (README.md names them).
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "ceilings.h"

namespace tern::bench {

/// The best time of one call, taken in windows of at least 100 µs. An empty call is an absent
/// library.
class Contestant {
 public:
  explicit Contestant(std::function<void()> call) : call_(std::move(call)) {
    if (!call_) return;
    while (repeats_ < 1 << 16 && window() * static_cast<double>(repeats_) < 1e-4) repeats_ *= 2;
  }

  /// Seconds of one call, the mean of a window.
  double window() {
    if (!call_) return 0;
    const double start = thread_seconds();
    for (long i = 0; i < repeats_; i++) call_();
    const double once = (thread_seconds() - start) / static_cast<double>(repeats_);
    best_ = std::min(best_, once);
    return once;
  }

  bool present() const { return static_cast<bool>(call_); }
  double best() const { return best_; }

 private:
  std::function<void()> call_;
  long repeats_ = 1;
  double best_ = 1e9;
};

/// Of several windows, where the best one is luck: of memory neighbours leave parts in L3.
inline double median(std::vector<double> seconds) {
  const auto middle = seconds.begin() + static_cast<long>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

/// 64-byte aligned memory, not initialised.
class Buffer {
 public:
  explicit Buffer(size_t bytes)
      : data_(static_cast<char*>(std::aligned_alloc(64, bytes / 64 * 64 + 64)), std::free) {}
  char* get() const { return data_.get(); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }

 private:
  std::unique_ptr<char, void (*)(void*)> data_;
};

/// For Iterations(): `usual`, or a few where the environment has TERN_BENCH_QUICK.
long windows(long usual);

}  // namespace tern::bench
