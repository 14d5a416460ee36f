// SPDX-License-Identifier: Apache-2.0
#include "../../engine/threads.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "../../engine/base/env.h"
#include "../../engine/base/format.h"
#include "../allocations.h"
#include "scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

/// True when one region of `tiles` ran every tile exactly once.
bool each_once(ThreadPool& pool, int64_t tiles) {
  const auto size = static_cast<size_t>(tiles);
  const auto runs = std::make_unique<std::atomic<int>[]>(size);
  std::atomic<bool> good{true};
  pool.parallel_for(tiles, [&](int64_t tile, int worker) {
    if (worker < 0 || worker >= pool.threads()) good = false;
    for (int64_t i = 0; i < (tile * 7919) % 512; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    if (tile < 0 || tile >= tiles) good = false;
    else runs[static_cast<size_t>(tile)].fetch_add(1, std::memory_order_relaxed);
  });
  for (size_t i = 0; i < size; ++i) good = good && runs[i].load(std::memory_order_relaxed) == 1;
  return good;
}

/// True when two tiles of one region run at once, within ten seconds.
bool tiles_meet(ThreadPool& pool) {
  std::atomic<int> begun{0}, met{0};
  const auto give_up = env().now() + std::chrono::seconds(10);
  pool.parallel_for(2, [&](int64_t, int) {
    ++begun;
    while (begun < 2 && env().now() < give_up) std::this_thread::yield();
    if (begun == 2 && env().now() < give_up) ++met;
  });
  return met == 2;
}


/// Answers of the system that a test chooses.
class FakeEnv final : public Env {
 public:
  FakeEnv(int cpus, bool quota, std::optional<std::string> threads)
      : cpus_(cpus), quota_(quota), threads_(std::move(threads)) {
    set_env(this);
  }
  ~FakeEnv() override { set_env(nullptr); }
  int usable_cpus() override { return cpus_; }
  bool cpu_quota() override { return quota_; }
  std::optional<std::string> variable(const char* name) override {
    return std::string(name) == "TERN_NUM_THREADS" ? threads_ : Env::variable(name);
  }

 private:
  int cpus_;
  bool quota_;
  std::optional<std::string> threads_;
};

}  // namespace

TEST_CASE("every tile runs exactly once, whatever the number of tiles and threads") {
  for (const int threads : {1, 2, 3, 4, 8}) {
    ThreadPool pool(threads, true);
    REQUIRE(pool.threads() == threads);
    for (int64_t tiles = 0; tiles <= 70; ++tiles) REQUIRE(each_once(pool, tiles));
    for (const int64_t tiles : {1000, 4096, 30011}) REQUIRE(each_once(pool, tiles));
  }
}

TEST_CASE("regions one after another, with and without idle time between, lose no tile") {
  ThreadPool pool(4, true);
  ThreadPool clamped;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(each_once(pool, 1 + i % 9));
    REQUIRE(each_once(clamped, 1 + i % 5));
    if (i % 500 == 0) ::usleep(1000);  // long enough for workers to park
  }
}

TEST_CASE("what tiles wrote is visible after the region, and what preceded it is visible to them") {
  ThreadPool pool(4, true);
  std::vector<int64_t> in(64), out(64);  // plain memory: a race detector checks the orders
  for (int64_t round = 0; round < 500; ++round) {
    for (size_t i = 0; i < in.size(); ++i) in[i] = round + static_cast<int64_t>(i);
    pool.parallel_for(64, [&](int64_t t, int) {
      out[static_cast<size_t>(t)] = 2 * in[static_cast<size_t>(t)];
    });
    int64_t sum = 0;
    for (const int64_t v : out) sum += v;
    REQUIRE(sum == 2 * (64 * round + 63 * 64 / 2));
  }
}

TEST_CASE("no two tiles that run at the same time have the same worker number") {
  ThreadPool pool(4, true);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> unique{true};
  std::vector<std::atomic<int>> seen(4);
  for (int round = 0; round < 50; ++round) {
    pool.parallel_for(64, [&](int64_t, int worker) {
      const auto w = static_cast<size_t>(worker);
      if (inside[w].fetch_add(1) != 0) unique = false;
      seen[w] = 1;
      for (int i = 0; i < 2000; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
      inside[w].fetch_sub(1);
    });
  }
  CHECK(unique);
  CHECK(seen[0] == 1);
}

TEST_CASE("workers run tiles at the same time as the caller, also after they have parked") {
  ThreadPool pool(2, true);
  if (env().usable_cpus() < 2) {
    MESSAGE("skipped: one CPU");
    return;
  }
  CHECK(tiles_meet(pool));
  ::usleep(20000);
  CHECK(tiles_meet(pool));
}

TEST_CASE("a caller that finds the pool busy gets its region done before the other one ends") {
  ThreadPool pool(2, true);
  bool inner = false, in_order = true;
  std::atomic<bool> begun{false};
  pool.parallel_for(2, [&](int64_t tile, int) {
    if (tile == 1) return;
    std::thread([&] {
      int64_t next = 0;
      pool.parallel_for(50, [&](int64_t t, int worker) {
        in_order = in_order && t == next++ && worker == 0;
      });
      inner = next == 50;
    }).join();
    begun = true;
  });
  CHECK(begun);
  CHECK(inner);
  CHECK(in_order);
}

TEST_CASE("a nested region runs serially, on its thread, in order") {
  ThreadPool pool(4, true);
  ThreadPool other(3, true);
  std::atomic<int> wrong{0}, inner{0};
  for (ThreadPool* nested : {&pool, &other}) {
    pool.parallel_for(8, [&](int64_t, int) {
      const auto self = std::this_thread::get_id();
      int64_t next = 0;
      nested->parallel_for(5, [&](int64_t t, int worker) {
        if (t != next++ || worker != 0 || std::this_thread::get_id() != self) ++wrong;
        ++inner;
      });
    });
  }
  CHECK(wrong == 0);
  CHECK(inner == 80);
}

TEST_CASE("callers on many threads share one pool; each gets its own region done") {
  ThreadPool pool(4, true);
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < 500; ++i) {
        if (!each_once(pool, 1 + (i + c) % 17)) ++failures;
      }
    });
  }
  for (auto& c : callers) c.join();
  CHECK(failures == 0);
}

TEST_CASE("pools are made, used and destroyed over and over") {
  for (int i = 0; i < 300; ++i) {
    ThreadPool pool(1 + i % 5, true);
    for (int k = 0; k < i % 4; ++k) REQUIRE(each_once(pool, 7));
    if (i % 50 == 0) ::usleep(500);
  }
}

TEST_CASE("a region allocates nothing once the pool runs") {
  ThreadPool pool(3, true);
  each_once(pool, 10);
  std::atomic<int> sum{0};
  const size_t before = allocations();
  for (int i = 0; i < 100; ++i) pool.parallel_for(10, [&](int64_t, int) { ++sum; });
  CHECK(allocations() == before);
}

TEST_CASE("the number of threads is asked, else TERN_NUM_THREADS, else the CPUs; never above them") {
  {
    const FakeEnv fake(8, false, std::nullopt);
    CHECK(ThreadPool().threads() == 8);
    CHECK(ThreadPool(3).threads() == 3);
    CHECK(ThreadPool(20).threads() == 8);
    CHECK(ThreadPool(20, true).threads() == 20);
    CHECK(error_of([] { ThreadPool(-1); }).code() == ErrorCode::invalid_argument);
  }
  {
    const FakeEnv fake(8, false, "2");
    CHECK(ThreadPool().threads() == 2);
    CHECK(ThreadPool(5).threads() == 5);
  }
  {
    const FakeEnv fake(2, false, "64");
    CHECK(ThreadPool().threads() == 2);
    CHECK(ThreadPool(0, true).threads() == 64);
  }
  {
    const FakeEnv fake(2, false, "");
    CHECK(ThreadPool().threads() == 2);
  }
  for (const char* wrong : {"0", "-1", "two", "2x", " 2", "99999999999", "1.5"}) {
    CAPTURE(wrong);
    const FakeEnv fake(8, false, wrong);
    const Error error = error_of([] { ThreadPool(); });
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(contains(error.what(), cat("'", wrong, "'")));
  }
}

TEST_CASE("idle threads burn no CPU time: after a moment everywhere, at once under a quota") {
  for (const bool quota : {false, true}) {
    CAPTURE(quota);
    std::optional<FakeEnv> fake;
    if (quota) fake.emplace(4, true, std::nullopt);
    ThreadPool pool(4, true);
    each_once(pool, 8);
    ::usleep(20000);
    rusage begin = {}, end = {};
    ::getrusage(RUSAGE_SELF, &begin);
    ::usleep(100000);
    ::getrusage(RUSAGE_SELF, &end);
    const auto us = [](const timeval& t) { return t.tv_sec * 1000000 + t.tv_usec; };
    CHECK(us(end.ru_utime) - us(begin.ru_utime) + us(end.ru_stime) - us(begin.ru_stime) < 20000);
    if (quota) CHECK(each_once(pool, 100));
  }
}

TEST_CASE("a pool used before a fork works in the child, the shared one too" *
          doctest::skip(!kThreadsInChild)) {
  ThreadPool pool(3, true);
  CHECK(each_once(pool, 20));
  CHECK(each_once(ThreadPool::shared(), 20));
  const auto use = [&] {
    for (int i = 0; i < 50; ++i) {
      if (!each_once(pool, 20) || !each_once(ThreadPool::shared(), 20)) return 1;
    }
    if (env().usable_cpus() > 1 && !tiles_meet(pool)) return 3;
    ThreadPool fresh(2, true);
    return each_once(fresh, 20) ? 0 : 2;
  };
  for (int i = 0; i < 5; ++i) CHECK(in_child(use) == 0);
  CHECK(in_child([&] { return use() + in_child(use); }) == 0);  // a grandchild
  CHECK(each_once(pool, 20));
}

TEST_CASE("a child forked while a region runs elsewhere has a working pool" *
          doctest::skip(!kThreadsInChild)) {
  ThreadPool pool(3, true);
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) each_once(pool, 16);
  });
  for (int i = 0; i < 10; ++i) CHECK(in_child([&] { return each_once(pool, 20) ? 0 : 1; }) == 0);
  stop = true;
  caller.join();
}

TEST_CASE("a pool inherited by a child may be destroyed there") {
  auto pool = std::make_unique<ThreadPool>(3, true);
  each_once(*pool, 10);
  CHECK(in_child([&] {
          pool.reset();
          return 0;
        }) == 0);
  CHECK(each_once(*pool, 10));
}

TEST_CASE("on one CPU the pool is one thread, and an oversubscribed one still finishes" *
          doctest::skip(!kThreadsInChild)) {
  CHECK(in_child([] {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(static_cast<size_t>(::sched_getcpu()), &one);
          if (::sched_setaffinity(0, sizeof one, &one) != 0) return 1;
          ThreadPool pool;
          if (pool.threads() != 1 || !each_once(pool, 100)) return 2;
          ThreadPool four(4, true);
          for (int i = 0; i < 200; ++i) {
            if (!each_once(four, 1 + i % 20)) return 3;
          }
          return 0;
        }) == 0);
}

TEST_CASE("where the system gives no more threads, the caller does the work") {
  CHECK(in_child([] {
          if (::geteuid() == 0 && ::setuid(65534) != 0) return 0;  // root has no such limit
          const rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
          if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return 1;
          ThreadPool pool(4, true);
          return each_once(pool, 100) ? 0 : 2;
        }) == 0);
}

TEST_CASE("without memory to start its threads a pool runs serially") {
  ThreadPool pool(4, true);
  int sum = 0;
  {
    const FailAllocation failing(1, true);
    pool.parallel_for(10, [&](int64_t t, int) { sum += static_cast<int>(t); });
    CHECK(failing.hit());
  }
  CHECK(sum == 45);
  CHECK(each_once(pool, 10));
}
