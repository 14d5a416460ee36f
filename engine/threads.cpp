// SPDX-License-Identifier: Apache-2.0
// The pool. A region is published in one word, `remaining`: whoever lowers it from a positive value
// has claimed a tile of the region that stands there at that moment. So a worker that was asleep or
// preempted for any time can do no harm, holds nothing unless it holds a tile, and nobody waits for
// it. The caller claims tiles as well; then it waits until `unfinished` is 0.
//
// Memory orders. The caller writes the region's plain fields, then stores `remaining` (release); a
// claim (acquire) that succeeds has read that store or a claim after it, so it sees the fields, and
// they are not rewritten before its tile is finished. Lowering `unfinished` (release) and reading 0
// there (acquire) orders all tiles before the caller's return. Parking is Dekker's pattern: each
// side writes its own word and then reads the other's, all four seq_cst.
#include "threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "base/env.h"
#include "base/error.h"
#include "base/format.h"

namespace tern {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using Tile = FunctionRef<void(int64_t, int)>;

constexpr int kMaxThreads = 1024;
constexpr int64_t kMaxTiles = int64_t{1} << 30;  // of one region; more are run in rounds
constexpr nanoseconds kLongestSpin = microseconds(80);
constexpr nanoseconds kShortestSpin = microseconds(2);

inline void pause_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Raised in every forked child: worker threads do not survive a fork.
std::atomic<uint32_t> g_generation{0};
uint32_t generation() noexcept { return g_generation.load(std::memory_order_relaxed); }

void watch_forks() {
  static const int registered = pthread_atfork(
      nullptr, nullptr, [] { g_generation.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
}

/// True on a thread that is running a tile.
thread_local bool t_in_tile = false;

/// How long one thread spins before it parks: as long as work usually comes soon, the longest time;
/// where it does not (or the CPU is taken away meanwhile), half as long each time.
class Patience {
 public:
  explicit Patience(bool spins) : budget_(spins ? kLongestSpin : nanoseconds(0)), spins_(spins) {}

  /// Polls until `ready` or out of patience; false when the thread should park.
  template <class Ready>
  bool spin(const Ready& ready) {
    if (ready()) return true;
    if (!spins_) return false;
    start_ = Clock::now();
    while (true) {
      for (int i = 0; i < 32; ++i) {
        if (ready()) return true;
        pause_cpu();
      }
      if (Clock::now() - start_ >= budget_) return false;
    }
  }
  /// Call after a spin that failed, when the thread runs again.
  void parked() {
    if (!spins_) return;
    const bool soon = Clock::now() - start_ < 2 * kLongestSpin;
    budget_ = soon ? std::min(budget_ * 2, kLongestSpin) : std::max(budget_ / 2, kShortestSpin);
  }

 private:
  nanoseconds budget_;
  Clock::time_point start_;
  bool spins_;
};

/// The threads of one pool in one process, and the region they work on.
class Crew {
 public:
  /// `useful` threads can run at a time; to wake more than those would only cost.
  Crew(int threads, int useful, bool spins)
      : born_(generation()), useful_(useful), spins_(spins), patience_(spins) {
    workers_.reserve(static_cast<size_t>(threads - 1));
    for (int id = 1; id < threads; ++id) {
      try {
        start(id);
      } catch (const std::exception&) {
        break;  // no threads or memory to be had: work with those there are
      }
    }
  }
  ~Crew() {
    stop_.store(true, std::memory_order_relaxed);
    signal_.fetch_add(1);
    signal_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  bool alive() const noexcept { return born_ == generation(); }

  /// False when another caller is inside.
  bool run(int64_t tiles, Tile tile) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    for (int64_t first = 0; first < tiles; first += kMaxTiles) {
      run_region(first, std::min(tiles - first, kMaxTiles), tile);
    }
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  void start(int id);
  void run_region(int64_t first, int64_t tiles, Tile tile) noexcept;
  void wake(int64_t wanted);
  void work(int id);
  bool claim_and_run(int id);
  void wait_for_work(Patience& patience);
  void wait_for_tiles();

  // The region; stable while one of its tiles is unfinished. Lines of 64 bytes: those the caller
  // writes for every region are not those that idle workers watch.
  const Tile* tile_ = nullptr;
  int64_t first_ = 0;
  int64_t tiles_ = 0;
  std::atomic<bool> busy_{false};  // a caller is inside

  alignas(64) std::atomic<int64_t> remaining_{0};  // unclaimed tiles; may sink below 0
  alignas(64) std::atomic<uint32_t> unfinished_{0};
  std::atomic<bool> caller_parked_{false};
  alignas(64) std::atomic<uint32_t> signal_{0};  // raised for sleeping workers; futex word
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stop_{false};

  const uint32_t born_;
  const int useful_;
  const bool spins_;
  Patience patience_;  // the caller's
  std::vector<std::thread> workers_;
};

void Crew::start(int id) {
  // Signals belong to the application's threads; those a thread raises by itself must stay open.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  try {
    workers_.emplace_back([this, id] { work(id); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#if defined(__linux__)
  pthread_setname_np(workers_.back().native_handle(), "tern-worker");
#endif
}

void Crew::run_region(int64_t first, int64_t tiles, Tile tile) noexcept {
  tile_ = &tile;
  first_ = first;
  tiles_ = tiles;
  unfinished_.store(static_cast<uint32_t>(tiles), std::memory_order_relaxed);
  remaining_.store(tiles, std::memory_order_seq_cst);
  wake(std::min<int64_t>(tiles, useful_) - 1);
  t_in_tile = true;
  uint32_t own = 0;
  while (true) {
    const int64_t left = remaining_.fetch_sub(1, std::memory_order_relaxed);
    if (left <= 0) break;
    tile(first + tiles - left, 0);
    ++own;
  }
  t_in_tile = false;
  if (unfinished_.fetch_sub(own, std::memory_order_acq_rel) != own) wait_for_tiles();
}

void Crew::wake(int64_t wanted) {
  const int sleeping = sleeping_.load(std::memory_order_seq_cst);
  if (sleeping == 0 || wanted <= 0) return;
  signal_.fetch_add(1, std::memory_order_seq_cst);
  if (wanted >= sleeping) {
    signal_.notify_all();
  } else {
    for (int64_t i = 0; i < wanted; ++i) signal_.notify_one();
  }
}

void Crew::wait_for_tiles() {
  const auto done = [&] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (patience_.spin(done)) return;
  caller_parked_.store(true, std::memory_order_seq_cst);
  while (true) {
    const uint32_t left = unfinished_.load(std::memory_order_seq_cst);
    if (left == 0) break;
    unfinished_.wait(left, std::memory_order_seq_cst);
  }
  caller_parked_.store(false, std::memory_order_relaxed);
  patience_.parked();
}

bool Crew::claim_and_run(int id) {
  // A look before the claim keeps idle workers from writing to the line.
  if (remaining_.load(std::memory_order_relaxed) <= 0) return false;
  const int64_t left = remaining_.fetch_sub(1, std::memory_order_acquire);
  if (left <= 0) return false;
  (*tile_)(first_ + tiles_ - left, id);
  if (unfinished_.fetch_sub(1, std::memory_order_seq_cst) == 1 &&
      caller_parked_.load(std::memory_order_seq_cst)) {
    unfinished_.notify_all();
  }
  return true;
}

void Crew::wait_for_work(Patience& patience) {
  const auto ready = [&] {
    return remaining_.load(std::memory_order_relaxed) > 0 || stop_.load(std::memory_order_relaxed);
  };
  if (patience.spin(ready)) return;
  const uint32_t seen = signal_.load(std::memory_order_seq_cst);
  sleeping_.fetch_add(1, std::memory_order_seq_cst);
  if (remaining_.load(std::memory_order_seq_cst) <= 0 && !stop_.load(std::memory_order_seq_cst)) {
    signal_.wait(seen, std::memory_order_seq_cst);
  }
  sleeping_.fetch_sub(1, std::memory_order_seq_cst);
  patience.parked();
}

void Crew::work(int id) {
  t_in_tile = true;  // a worker runs nothing else
  Patience patience(spins_);
  while (!stop_.load(std::memory_order_relaxed)) {
    if (!claim_and_run(id)) wait_for_work(patience);
  }
}

int parse_thread_count(const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value < 1) {
    fail(ErrorCode::invalid_argument,
         cat("TERN_NUM_THREADS is '", text, "'; expected a whole number of threads, 1 or more"));
  }
  return value;
}

int choose_threads(int asked, int usable, bool allow_oversubscription) {
  if (asked < 0) {
    fail(ErrorCode::invalid_argument, cat("a thread pool of ", asked, " threads was asked for"));
  }
  int threads = asked;
  if (threads == 0) {
    const auto variable = env().variable("TERN_NUM_THREADS");
    threads = variable && !variable->empty() ? parse_thread_count(*variable) : usable;
  }
  if (!allow_oversubscription) threads = std::min(threads, usable);
  return std::clamp(threads, 1, kMaxThreads);
}

}  // namespace

struct ThreadPool::State {
  int threads = 1;
  int useful = 1;
  bool spins = false;
  std::atomic<Crew*> crew{nullptr};

  /// The crew of this process, started at the first region; nullptr when there is no memory for it.
  Crew* current() noexcept {
    Crew* found = crew.load(std::memory_order_acquire);
    if (found && found->alive()) return found;
    std::unique_ptr<Crew> made;
    try {
      made = std::make_unique<Crew>(threads, useful, spins);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    // The crew of the process before the fork is left alone: its threads do not exist here.
    if (crew.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) {
      return made.release();
    }
    return found;
  }
};

ThreadPool::ThreadPool(int threads, bool allow_oversubscription)
    : state_(std::make_unique<State>()) {
  watch_forks();
  const int usable = env().usable_cpus();
  state_->threads = choose_threads(threads, usable, allow_oversubscription);
  state_->useful = std::min(usable, state_->threads);
  state_->spins = state_->threads <= usable && !env().cpu_quota();
}

ThreadPool::~ThreadPool() {
  Crew* crew = state_->crew.load(std::memory_order_acquire);
  if (crew && crew->alive()) delete crew;
}

int ThreadPool::threads() const noexcept { return state_->threads; }

void ThreadPool::parallel_for(int64_t tiles, FunctionRef<void(int64_t tile, int worker)> tile) {
  if (tiles > 1 && state_->threads > 1 && !t_in_tile) {
    Crew* crew = state_->current();
    if (crew && crew->run(tiles, tile)) return;
  }
  for (int64_t t = 0; t < tiles; ++t) tile(t, 0);
}

ThreadPool& ThreadPool::shared() {
  static auto* pool = new ThreadPool;  // workers may still run while static objects are destroyed
  return *pool;
}

}  // namespace tern
