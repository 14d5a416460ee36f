// SPDX-License-Identifier: Apache-2.0
// The pool under a real CPU quota: a child moves into a cgroup of its own (where this system lets
// us make one; otherwise the test says that it was skipped) and works there.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "../../engine/base/env.h"
#include "../../engine/base/format.h"
#include "../../engine/threads.h"
#include "scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

bool write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good();
}

/// A cgroup with a limit of CPU time, of version 1 or 2; removed with its test.
class QuotaGroup {
 public:
  QuotaGroup() {
    for (const char* root : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"}) {
      path_ = cat(root, "/tern-test-", ::getpid());
      if (::mkdir(path_.c_str(), 0755) != 0) continue;
      if (limit(1)) return;
      ::rmdir(path_.c_str());
    }
    path_.clear();
  }
  ~QuotaGroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  QuotaGroup(const QuotaGroup&) = delete;
  QuotaGroup& operator=(const QuotaGroup&) = delete;

  explicit operator bool() const { return !path_.empty(); }

  bool limit(double cpus) const {
    const std::string quota = cat(static_cast<int64_t>(cpus * 100000));
    if (write_text(path_ + "/cpu.cfs_quota_us", quota)) return true;
    return write_text(path_ + "/cpu.max", quota + " 100000");
  }
  bool enter() const { return write_text(path_ + "/cgroup.procs", cat(::getpid())); }

 private:
  std::string path_;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void burn() {
  volatile float x = 1;
  for (int i = 0; i < 20000; ++i) x = x * 0.999F + 0.001F;
}

struct Rates {
  double per_second, per_cpu_second;  // tiles
};

/// Regions of sixteen tiles, some 50 microseconds each, for half a second. Without a pool: the tiles
/// alone, on the calling thread.
Rates work(ThreadPool* pool) {
  const double start = seconds(), cpu = cpu_seconds();
  double tiles = 0;
  while (seconds() - start < 0.5) {
    if (pool) {
      pool->parallel_for(16, [](int64_t, int) { burn(); });
    } else {
      for (int i = 0; i < 16; ++i) burn();
    }
    tiles += 16;
  }
  return {tiles / (seconds() - start), tiles / (cpu_seconds() - cpu)};
}

/// At least 0.85 of what a single thread reaches under the same quota, in the same moments: of the
/// work done per second, and of the work done per second of CPU time.
bool keeps_up(const Rates& pool, const Rates& thread) {
  return pool.per_second > 0.85 * thread.per_second &&
         pool.per_cpu_second > 0.85 * thread.per_cpu_second;
}

}  // namespace

TEST_CASE("under a quota of 0.5 to 2 CPUs the pool takes that many threads, wastes no time and does not collapse" *
          doctest::skip(!kThreadsInChild)) {
  const QuotaGroup group;
  if (!group) {
    MESSAGE("skipped: no cgroup can be made here");
    return;
  }
  const int cpus = env().usable_cpus();
  for (double quota : {0.5, 1.0, 1.5, 2.0}) {
    CAPTURE(quota);
    REQUIRE(group.limit(quota));
    CHECK(in_child([&] {
            if (!group.enter()) return 1;
            ThreadPool pool;
            if (pool.threads() != std::min(cpus, static_cast<int>(std::ceil(quota)))) return 2;
            ThreadPool eight(8, true);  // more than can run
            for (int round = 0; round < 8; ++round) {  // other processes may take a CPU meanwhile
              const Rates thread = work(nullptr), own = work(&pool), many = work(&eight);
              if (keeps_up(own, thread) && keeps_up(many, thread)) return 0;
            }
            return 3;
          }) == 0);
  }
}
