// SPDX-License-Identifier: Apache-2.0
// The thread pool. A parallel region is a number of fixed tiles that threads claim by an atomic
// ticket, so a preempted thread delays one tile; what a tile computes never depends on who computes
// it. Workers spin briefly after a region, then park; under a cgroup quota they park at once.
// One pool serves any number of callers: one that finds it busy runs its region alone, same bits.
#pragma once

#include <cstdint>
#include <memory>

#include "base/api.h"

namespace tern {

/// A non-owning reference to a callable; it lives no longer than the call it is passed to.
template <class Signature>
class FunctionRef;
template <class... Args>
class FunctionRef<void(Args...)> {
 public:
  template <class F>
  FunctionRef(const F& f)  // NOLINT(google-explicit-constructor)
      : object_(&f), call_([](const void* o, Args... a) { (*static_cast<const F*>(o))(a...); }) {}
  void operator()(Args... args) const { call_(object_, args...); }

 private:
  const void* object_;
  void (*call_)(const void*, Args...);
};

class TERN_API ThreadPool {
 public:
  /// `threads` counts the calling thread; 0 = TERN_NUM_THREADS, else the usable CPUs. Clamped to
  /// [1, usable CPUs] unless `allow_oversubscription`.
  explicit ThreadPool(int threads = 0, bool allow_oversubscription = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  /// Calls tile(t, worker) for every t in [0, tiles), each once, on the caller and the workers;
  /// worker in [0, threads()) is unique among those running at that time (for scratch memory).
  /// Returns when all are done. tile must not throw. A nested call runs serially.
  void parallel_for(int64_t tiles, FunctionRef<void(int64_t tile, int worker)> tile);

  /// The process-wide pool, made at first use and never destroyed; a forked child gets a new one.
  static ThreadPool& shared();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tern
