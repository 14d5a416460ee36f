// SPDX-License-Identifier: Apache-2.0
// What the thread pool costs. First the time to enter and leave a region, per thread count; then
// how much of the machine's throughput is left when there are more threads than CPUs: in one pool,
// and in two processes with a full pool each. The yardstick of the second part, measured in the same
// round, is one independent single-threaded process per CPU: the same tiles without any pool.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <new>
#include <vector>

#include "../../engine/base/env.h"
#include "../../engine/base/format.h"
#include "../../engine/threads.h"

namespace {

using Clock = std::chrono::steady_clock;

/// A chain of dependent multiply-adds.
void burn(int64_t steps) {
  float x = 1.0f;
  benchmark::DoNotOptimize(x);  // or the loop would be done once for all calls
  for (int64_t i = 0; i < steps; ++i) x = x * 0.999f + 0.001f;
  benchmark::DoNotOptimize(x);
}

/// Steps of burn per microsecond on this machine, the fastest of many tries.
int64_t steps_per_us() {
  constexpr int64_t kSteps = 100000;
  auto best = Clock::duration::max();
  for (int i = 0; i < 50; ++i) {
    const auto begin = Clock::now();
    burn(kSteps);
    best = std::min(best, Clock::now() - begin);
  }
  return std::max<int64_t>(1, kSteps * 1000 / std::chrono::nanoseconds(best).count());
}

// --- entering and leaving ---------------------------------------------------------------------

void region(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  tern::ThreadPool pool(threads);
  if (pool.threads() != threads) {
    state.SkipWithError("not so many CPUs");
    return;
  }
  for (auto _ : state) {
    pool.parallel_for(threads, [](int64_t tile, int) { benchmark::DoNotOptimize(tile); });
  }
}
BENCHMARK(region)->DenseRange(1, std::max(2, tern::env().usable_cpus()))->UseRealTime();

/// Every tile waits until all have begun, so that all workers must have come.
void rendezvous(benchmark::State& state) {
  tern::ThreadPool pool;
  std::atomic<int> begun{0};
  int target = 0;
  for (auto _ : state) {
    target += pool.threads();
    pool.parallel_for(pool.threads(), [&](int64_t, int) {
      begun.fetch_add(1);
      while (begun.load() < target) {}
    });
  }
}
BENCHMARK(rendezvous)->UseRealTime();

/// Serial work between two regions, in microseconds: as between the ops of a model, and longer than
/// a worker spins. Subtract the argument from the time.
void rendezvous_after_gap(benchmark::State& state) {
  tern::ThreadPool pool;
  const int64_t steps = state.range(0) * steps_per_us();
  std::atomic<int> begun{0};
  int target = 0;
  for (auto _ : state) {
    burn(steps);
    target += pool.threads();
    pool.parallel_for(pool.threads(), [&](int64_t, int) {
      begun.fetch_add(1);
      while (begun.load() < target) {}
    });
  }
}
BENCHMARK(rendezvous_after_gap)->Arg(10)->Arg(50)->Arg(1000)->UseRealTime();

// --- more threads than CPUs -------------------------------------------------------------------

struct Load {
  int64_t tiles;
  int64_t us;  // of one tile
};
constexpr Load kLoads[] = {{4, 5}, {16, 20}, {64, 50}, {64, 500}};

struct Shared {
  std::atomic<bool> start{false}, stop{false};
  std::atomic<int64_t> tiles{0};
  int64_t steps_per_us = 1;
};

void child(Shared& shared, int threads, const Load& load) {
  tern::ThreadPool pool(threads, true);
  std::atomic<int64_t> done{0};
  const int64_t steps = load.us * shared.steps_per_us;
  while (!shared.start) usleep(100);
  while (!shared.stop.load(std::memory_order_relaxed)) {
    pool.parallel_for(load.tiles, [&](int64_t, int) {
      burn(steps);
      if (!shared.stop.load(std::memory_order_relaxed)) done.fetch_add(1);
    });
  }
  shared.tiles += done;
}

/// Tiles per second of `processes` with a pool of `threads` each.
double throughput(int processes, int threads, const Load& load) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  auto* shared = new (memory) Shared;
  static const int64_t speed = steps_per_us();
  shared->steps_per_us = speed;
  for (int i = 0; i < processes; ++i) {
    if (fork() == 0) {
      child(*shared, threads, load);
      _exit(0);
    }
  }
  usleep(20000);
  const auto begin = Clock::now();
  shared->start = true;
  usleep(250000);
  shared->stop = true;
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  while (wait(nullptr) > 0) {}
  const double rate = static_cast<double>(shared->tiles) / elapsed.count();
  munmap(memory, sizeof(Shared));
  return rate;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void oversubscription() {
  constexpr int kRounds = 9;
  const int cpus = tern::env().usable_cpus();
  std::printf("\nthroughput / that of %d independent threads, median of %d rounds\n", cpus, kRounds);
  std::printf("%-20s %16s %16s %16s\n", "region", "1 pool, full", "1 pool, double", "2 pools, full");
  for (const Load& load : kLoads) {
    std::vector<double> full, twice, two;
    for (int round = 0; round < kRounds; ++round) {
      const double independent = throughput(cpus, 1, load);
      full.push_back(throughput(1, cpus, load) / independent);
      twice.push_back(throughput(1, 2 * cpus, load) / independent);
      two.push_back(throughput(2, cpus, load) / independent);
    }
    const std::string name = tern::cat(load.tiles, " tiles of ", load.us, " us");
    std::printf("%-20s %16.3f %16.3f %16.3f\n", name.c_str(), median(full), median(twice),
                median(two));
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  std::fflush(stdout);
  oversubscription();
  return 0;
}
