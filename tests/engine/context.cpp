// SPDX-License-Identifier: Apache-2.0
#include "../../engine/context.h"

#include <doctest/doctest.h>

#include "../../engine/base/env.h"
#include "scratch.h"

using namespace tern;
using namespace tern::test;

TEST_CASE("a context uses the shared pool unless it is given one") {
  ThreadPool mine(1);
  CHECK(&Context().pool() == &ThreadPool::shared());
  CHECK(&Context({.pool = &mine}).pool() == &mine);
  CHECK(&Context().backend() == &cpu_backend());
}

TEST_CASE("a context notices its cancel flag and its deadline, and lives on without them") {
  std::atomic<bool> cancel{false};
  Context ctx({.cancel = &cancel});
  ctx.check();
  cancel = true;
  CHECK(error_of([&] { ctx.check(); }).code() == ErrorCode::cancelled);
  ctx.set_cancel(nullptr);
  ctx.check();
  const auto now = env().now();
  ctx.set_deadline(now + std::chrono::hours(1));
  ctx.check();
  ctx.set_deadline(now);
  CHECK(error_of([&] { ctx.check(); }).code() == ErrorCode::deadline);
  ctx.set_deadline(std::nullopt);
  ctx.check();
}
