// SPDX-License-Identifier: Apache-2.0
#include "context.h"

#include "base/env.h"

namespace tern {

Context::Context(ContextOptions options)
    : pool_(options.pool ? options.pool : &ThreadPool::shared()),
      backend_(&cpu_backend()),
      cancel_(options.cancel),
      deadline_(options.deadline) {}

void Context::check() const {
  // Relaxed: the flag carries no data, and the next check sees it if this one does not.
  if (cancel_ && cancel_->load(std::memory_order_relaxed)) {
    fail(ErrorCode::cancelled, "the call was cancelled by its caller");
  }
  if (deadline_ && env().now() >= *deadline_) {
    fail(ErrorCode::deadline, "the deadline of the call has passed");
  }
}

}  // namespace tern
