// SPDX-License-Identifier: Apache-2.0
// Downloads that are killed, that run beside each other, and whose system calls fail: the cache
// never shows anything but whole files with the right hash.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>

#include "../../hub/download.h"
#include "download_model.h"
#include "lying_locks.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

constexpr size_t kSize = 400'000;

/// A download in a process of its own, started anew by exec: no lock or thread of this one is in
/// it.
class DownloadProcess {
 public:
  DownloadProcess(const FakeHub& hub, const TemporaryFolder& folder, const std::string& test,
                  const std::string& what = "1") {
    const std::string filter = "--test-case=" + test;
    std::vector<std::string> variables = {"HF_ENDPOINT=" + hub.endpoint(), "no_proxy=127.0.0.1",
                                          "HF_HUB_CACHE=" + (folder / "cache").string(),
                                          "HOME=" + folder.string(), "TERN_TEST_CHILD=" + what};
    std::vector<char*> environment;
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    id_ = ::fork();
    REQUIRE(id_ >= 0);
    if (id_ != 0) return;  // the child of a process with threads may only exec
    ::execle("/proc/self/exe", "test_hub", "--no-skip", filter.c_str(), "--minimal", nullptr,
             environment.data());
    ::_exit(126);
  }
  void kill() const { ::kill(id_, SIGKILL); }
  bool ended() const {
    siginfo_t info = {};
    return ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }
  /// True when it came to a good end.
  bool wait() const {
    int status = 0;
    ::waitpid(id_, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t id_ = -1;
};

const char* kChild = "child process: downloads the model";

}  // namespace

TEST_CASE("child process: downloads the model" * doctest::skip()) {
  const char* what = ::getenv("TERN_TEST_CHILD");
  if (what == nullptr) return;
  if (what == std::string_view("no threads")) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    // A stack that fits into no address space.
    REQUIRE(pthread_attr_setstacksize(&attributes, size_t{1} << 50) == 0);
    REQUIRE(pthread_setattr_default_np(&attributes) == 0);
    CHECK_THROWS(std::thread([] {}));
  }
  ::unsetenv("HF_HUB_OFFLINE");
  download(kModel, {});
}

namespace {

struct Kills {
  int killed = 0, resumed = 0;
};

/// Kills downloads from a hub of its own at random moments until `wanted` have died.
void kill_downloads(unsigned seed, int wanted, Kills& kills) {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  hub.tamper = [](const HubRequest& request, HubReply& reply) {
    if (!request.content_server) return;
    reply.piece = 10'000;  // 40 ms, so that kills fall into it
    reply.pause_ms = 1;
  };
  std::mt19937 random(seed);
  auto folder = std::make_unique<TemporaryFolder>();
  for (int round = 0; kills.killed < wanted && round < 4 * wanted; ++round) {
    const DownloadProcess process(hub, *folder, kChild);
    // By the clock, or when so much has come.
    const uint64_t enough = hub.content_bytes() + random() % kSize;
    const auto end = std::chrono::steady_clock::now() +
                     (random() % 4 == 0 ? std::chrono::microseconds(random() % 120'000)
                                        : std::chrono::microseconds(5'000'000));
    while (!process.ended() && hub.content_bytes() < enough &&
           std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    process.kill();
    const bool whole = process.wait();
    check_cache(*folder / "cache");
    if (!whole) ++kills.killed;
    if (!whole && random() % 8 != 0) continue;
    // Now to the end, and anew.
    hub.forget_requests();
    CHECK(DownloadProcess(hub, *folder, kChild).wait());
    check_cache(*folder / "cache");
    CHECK(std::filesystem::exists(*folder / "cache" / (kSnapshot + "model.safetensors")));
    for (const HubRequest& request : hub.requests()) {
      if (request.content_server && !request.header("range").empty()) ++kills.resumed;
    }
    folder = std::make_unique<TemporaryFolder>();
  }
}

}  // namespace

TEST_CASE("killed at any moment, a download leaves nothing wrong and the next one goes on") {
  constexpr int kKills = 340, kBeside = 4;  // most of the time of each is waiting
  std::array<Kills, kBeside> kills;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kBeside; ++i) {
    threads.emplace_back([&, i] { kill_downloads(3 + i, kKills / kBeside, kills[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  Kills all;
  for (const Kills& some : kills) {
    all.killed += some.killed;
    all.resumed += some.resumed;
  }
  MESSAGE(all.killed, " kills, ", all.resumed, " downloads went on in the middle");
  CHECK(all.killed >= kKills);
  CHECK(all.resumed > 0);
}

TEST_CASE("where no thread can be started, a download goes on without") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  CHECK(DownloadProcess(hub, folder, kChild, "no threads").wait());
  CHECK(check_cache(folder / "cache"));
}

TEST_CASE("processes that download the same model all succeed, and the bytes come once") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  hub.tamper = [](const HubRequest& request, HubReply& reply) {
    if (!request.content_server) return;
    reply.piece = 10'000;
    reply.pause_ms = 1;
  };
  for (int round = 0; round < 100; ++round) {
    const TemporaryFolder folder;
    const uint64_t before = hub.content_bytes();
    std::vector<DownloadProcess> processes;
    for (int i = 0; i < 16; ++i) processes.emplace_back(hub, folder, kChild);
    for (const DownloadProcess& process : processes) CHECK(process.wait());
    CHECK(check_cache(folder / "cache"));
    CHECK(hub.content_bytes() - before == kSize);
  }
}

TEST_CASE("locks that lie or are missing cost bytes and nothing else") {
  for (const LockState answer : {LockState::taken, LockState::unavailable}) {
    for (int round = 0; round < 100; ++round) {
      FakeHub hub;
      hub.models[kModel] = small_model(kSize);
      const TemporaryFolder folder;
      LyingLocks environment(hub, folder);
      environment.answer = answer;
      std::vector<std::thread> threads;
      std::atomic<int> good = 0;
      std::mutex mutex;
      std::string said;
      for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&] {
          try {
            download(kModel, {});
            ++good;
          } catch (const Error& error) {
            const std::lock_guard lock(mutex);
            said += cat(error.what(), "\n");
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      CHECK_MESSAGE(said.empty(), said);
      CHECK(good == 16);
      CHECK(check_cache(folder / "cache"));
    }
  }
}

TEST_CASE("what downloads left behind is removed after a day") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  const std::string blobs = "cache/models--org--name/blobs/";
  const std::string old = blobs + std::string(64, 'a') + ".0badcafe.incomplete";
  const std::string fresh = blobs + std::string(64, 'b') + ".0badcafe.incomplete";
  const std::string planted = blobs + std::string(64, '0') + ".0badcafe.incomplete";
  folder.write(old, "x");
  folder.write(fresh, "x");
  folder.write(planted + "/in a folder", "x");  // cannot be removed, and keeps nothing else
  for (const std::string& name : {old, planted}) {
    std::filesystem::last_write_time(
        folder / name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  }
  download(kModel, {});
  CHECK(!std::filesystem::exists(folder / old));
  CHECK(std::filesystem::exists(folder / fresh));
}

namespace {

/// The k-th call that changes or reads the disk fails, or that one and all after it.
class FailingEnv : public HubEnv {
 public:
  using HubEnv::HubEnv;
  std::atomic<int64_t> left{-1};
  bool from_then_on = false;
  std::atomic<int> failures{0};

  void check(const std::string& path) {
    const int64_t now = left.load() < 0 ? -1 : left.fetch_sub(1);
    if (now == 0 || (from_then_on && failures > 0)) {
      ++failures;
      fail(ErrorCode::io, path + ": cannot write: the disk or the quota is full");
    }
  }
  int open_file(const std::string& path, OpenMode mode) override {
    check(path);
    return HubEnv::open_file(path, mode);
  }
  void write_at(int file, const std::string& path, std::span<const std::byte> bytes,
                uint64_t offset) override {
    check(path);
    Env::write_at(file, path, bytes, offset);
  }
  size_t read_at(int file, const std::string& path, std::span<std::byte> bytes,
                 uint64_t offset) override {
    check(path);
    return Env::read_at(file, path, bytes, offset);
  }
  void resize_file(int file, const std::string& path, uint64_t size) override {
    check(path);
    Env::resize_file(file, path, size);
  }
  void sync_file(int file, const std::string& path) override {
    check(path);
    Env::sync_file(file, path);
  }
  void rename_file(const std::string& from, const std::string& to) override {
    check(to);
    Env::rename_file(from, to);
  }
  bool make_directory(const std::string& path) override {
    check(path);
    return Env::make_directory(path);
  }
  void make_link(const std::string& target, const std::string& path) override {
    check(path);
    Env::make_link(target, path);
  }
  void write_file_atomic(const std::string& path, std::span<const std::byte> content) override {
    check(path);
    Env::write_file_atomic(path, content);
  }
  std::vector<std::string> list_directory(const std::string& path) override {
    check(path);
    return Env::list_directory(path);
  }
  FileInfo stat(const std::string& path) override {
    check(path);
    return Env::stat(path);
  }
  FileInfo link_info(const std::string& path) override {
    check(path);
    return Env::link_info(path);
  }
  uint64_t free_space(const std::string& path) override {
    check(path);
    return HubEnv::free_space(path);
  }
};

}  // namespace

TEST_CASE("a copy that fails, where no links can be made, leaves nothing on the disk") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  struct NoLinks : HubEnv {
    using HubEnv::HubEnv;
    void make_link(const std::string&, const std::string& path) override {
      fail(ErrorCode::denied, path + ": no links here");
    }
    void write_at(int file, const std::string& path, std::span<const std::byte> bytes,
                  uint64_t offset) override {
      if (path.ends_with(".copy.incomplete")) fail(ErrorCode::io, path + ": the disk is full");
      HubEnv::write_at(file, path, bytes, offset);
    }
  } environment(hub, folder);
  expect_error([] { download(kModel, {}); }, ErrorCode::io, "the disk is full");
  CHECK(check_cache(folder / "cache"));
}

TEST_CASE(
    "whichever call fails, it is an Error, nothing wrong is visible, and the next try succeeds") {
  FakeHub hub;
  hub.models[kModel] = small_model(20'000);
  for (const bool from_then_on : {false, true}) {
    int64_t k = 0;
    for (bool failed = true; failed; ++k) {
      CAPTURE(k);
      const TemporaryFolder folder;
      FailingEnv environment(hub, folder);
      environment.from_then_on = from_then_on;
      environment.left = k;
      bool thrown = false;
      try {
        download(kModel, {});
      } catch (const Error& error) {
        thrown = true;
        CHECK(error.code() == ErrorCode::io);
      }
      failed = environment.failures > 0;
      if (!failed) CHECK(!thrown);
      if (failed && from_then_on) CHECK(thrown);
      environment.left = -1;
      environment.failures = 0;
      check_cache(folder / "cache");
      download(kModel, {});
      check_cache(folder / "cache");
      CHECK(std::filesystem::exists(folder / "cache" / (kSnapshot + "model.safetensors")));
    }
    MESSAGE(k, " calls failed in turn");
    CHECK(k > 50);
  }
}
