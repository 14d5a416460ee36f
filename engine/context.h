// SPDX-License-Identifier: Apache-2.0
// Context: what one caller needs to run a model: arena, thread pool, backend, cancellation. It is
// the first parameter of every op. One Context serves one call at a time; a model serves any number.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "backend.h"
#include "memory.h"
#include "threads.h"

namespace tern {

struct ContextOptions {
  /// nullptr: ThreadPool::shared().
  ThreadPool* pool = nullptr;
  /// Set to true from any thread to end the call with Error cancelled.
  const std::atomic<bool>* cancel = nullptr;
  /// After this time the call ends with Error deadline.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

class TERN_API Context {
 public:
  explicit Context(ContextOptions options = {});

  Arena& arena() noexcept { return arena_; }
  ThreadPool& pool() noexcept { return *pool_; }
  Backend& backend() noexcept { return *backend_; }

  void set_cancel(const std::atomic<bool>* flag) noexcept { cancel_ = flag; }
  void set_deadline(std::optional<std::chrono::steady_clock::time_point> t) noexcept { deadline_ = t; }
  /// Throws cancelled or deadline; called by every op of a layer's size.
  void check() const;

 private:
  Arena arena_;
  ThreadPool* pool_;
  Backend* backend_;
  const std::atomic<bool>* cancel_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace tern
