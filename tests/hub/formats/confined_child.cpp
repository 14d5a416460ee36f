// SPDX-License-Identifier: Apache-2.0
// The process in which libhdf5 runs, and what it cannot do.
#include "../../../hub/formats/confined_child.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/env.h"
#include "../../../engine/base/error.h"
#include "../../../hub/formats/hdf5.h"
#include "../temporary_folder.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
using std::chrono::milliseconds;

namespace {

constexpr ChildLimits kLimits = {.memory = 64 << 20, .time = milliseconds(60'000)};

volatile std::byte* flags(const StorageRef& shared) {
  return shared->data();
}

/// Polls for at most 20 s.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    ::usleep(5000);
  }
  return false;
}

/// What a process with a copy of this one's memory returns, if it comes to its end.
template <class Work>
pid_t start_process(Work work) {
  const pid_t process = ::fork();
  if (process == 0) ::_exit(work());
  return process;
}

int exit_code(pid_t process) {
  int status = -1;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a confined child's work reaches its parent through shared pages only") {
  const StorageRef shared = shared_pages(4096);
  int own = 1;
  const ChildEnd end = run_confined(
      [&] {
        own = 2;
        shared->data()[5] = std::byte{7};
      },
      kLimits);
  CHECK(end == ChildEnd::finished);
  CHECK(own == 1);
  CHECK(shared->data()[5] == std::byte{7});
}

TEST_CASE("a confined child that crashes, throws or leaves is noticed, and nothing else happens") {
  volatile int* nowhere = nullptr;
  CHECK(run_confined([&] { *nowhere = 1; }, kLimits) == ChildEnd::crashed);
  CHECK(run_confined([] { std::abort(); }, kLimits) == ChildEnd::crashed);
  CHECK(run_confined([] { throw 1; }, kLimits) == ChildEnd::crashed);
  CHECK(run_confined([] { ::_exit(9); }, kLimits) == ChildEnd::crashed);
}

TEST_CASE("a confined child whose end a program takes for itself is gone") {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  CHECK(run_confined([] {}, kLimits) == ChildEnd::gone);
  std::signal(SIGCHLD, before);
}

TEST_CASE("a confined child that hangs, busy or asleep, is killed when its time is over") {
  struct Clock : Env {
    std::chrono::steady_clock::time_point time{};
    std::chrono::steady_clock::time_point now() override { return time; }
    void sleep_for(milliseconds pause) override { time += pause; }
  } clock;
  const StorageRef shared = shared_pages(4096);
  const auto word = reinterpret_cast<uint32_t*>(shared->data());
  const auto busy = [&] {
    while (flags(shared)[0] == std::byte{0}) {
    }
  };
  const auto asleep = [&] { ::syscall(SYS_futex, word, 0 /* FUTEX_WAIT */, 0, nullptr); };
  set_env(&clock);
  const ChildEnd ends[] = {run_confined(busy, kLimits), run_confined(asleep, kLimits)};
  set_env(nullptr);
  CHECK(ends[0] == ChildEnd::late);
  CHECK(ends[1] == ChildEnd::late);
  CHECK(clock.time.time_since_epoch() >= 2 * kLimits.time);
  CHECK(clock.time.time_since_epoch() <= 2 * kLimits.time + milliseconds(10));
}

namespace {

struct Call {
  const char* name;
  long number;
  std::array<long, 5> arguments;
};

long at(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

}  // namespace

TEST_CASE("a confined child can make no system call that reaches beyond its own memory") {
  const TemporaryFolder folder;
  folder.write("file", "content");
  const std::string file = (folder / "file").string(), other = (folder / "other").string();
  const long there = at(file.c_str()), absent = at(other.c_str()), parent = ::getpid();
  std::array<std::byte, 256> room{};
  const long out = at(room.data());
  const Call calls[] = {{"open to read", SYS_openat, {AT_FDCWD, there, O_RDONLY}},
                        {"open to write", SYS_openat, {AT_FDCWD, absent, O_WRONLY | O_CREAT, 0600}},
                        {"mkdir", SYS_mkdirat, {AT_FDCWD, absent, 0700}},
                        {"unlink", SYS_unlinkat, {AT_FDCWD, there}},
                        {"truncate", SYS_truncate, {there, 0}},
                        {"rename", SYS_renameat2, {AT_FDCWD, there, AT_FDCWD, absent}},
                        {"link", SYS_linkat, {AT_FDCWD, there, AT_FDCWD, absent}},
                        {"symlink", SYS_symlinkat, {there, AT_FDCWD, absent}},
                        {"chmod", SYS_fchmodat, {AT_FDCWD, there, 0777}},
                        {"chown", SYS_fchownat, {AT_FDCWD, there, 1, 1}},
                        {"stat", SYS_faccessat, {AT_FDCWD, there, R_OK}},
                        {"chdir", SYS_chdir, {at("/")}},
                        {"mount", SYS_mount, {there, absent}},
                        {"read", SYS_read, {0, out, 1}},
                        {"write", SYS_write, {1, out, 1}},
                        {"pipe", SYS_pipe2, {out, 0}},
                        {"memfd_create", SYS_memfd_create, {at("m"), 0}},
                        {"shmget", SYS_shmget, {IPC_PRIVATE, 4096, IPC_CREAT}},
                        {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
                        {"io_uring_setup", SYS_io_uring_setup, {1, out}},
                        {"clone", SYS_clone, {SIGCHLD}},
                        {"execve", SYS_execve, {absent, 0, 0}},
                        {"kill", SYS_kill, {parent, 0}},
                        {"tgkill", SYS_tgkill, {parent, parent, 0}},
                        {"ptrace", SYS_ptrace, {PTRACE_PEEKDATA, parent}},
                        {"process_vm_readv", SYS_process_vm_readv, {parent}},
                        {"sigaction", SYS_rt_sigaction, {SIGUSR1, 0, 0, 8}},
                        {"prlimit", SYS_prlimit64, {0, RLIMIT_AS, 0, out}},
                        {"prctl", SYS_prctl, {PR_GET_DUMPABLE}},
                        {"unshare", SYS_unshare, {0}},
                        {"setuid", SYS_setuid, {0}},
                        {"uname", SYS_uname, {out}}};
  const StorageRef shared = shared_pages(4096);
  const ChildEnd end = run_confined(
      [&] {
        for (size_t i = 0; i < std::size(calls); ++i) {
          const auto& [name, number, a] = calls[i];
          const long got = ::syscall(number, a[0], a[1], a[2], a[3], a[4]);
          if (number == SYS_clone && got == 0) ::_exit(0);
          flags(shared)[i] = std::byte{got == -1 && errno == EPERM};
        }
      },
      kLimits);
  CHECK(end == ChildEnd::finished);
  for (size_t i = 0; i < std::size(calls); ++i) {
    CAPTURE(std::string(calls[i].name));
    CHECK(flags(shared)[i] == std::byte{1});
  }
}

TEST_CASE("a confined child gets no more memory than it may have") {
  const StorageRef shared = shared_pages(4096);
  const auto maps = [&](size_t i, size_t size) {
    // No malloc: a compiler may leave out one whose memory nobody uses, and say it succeeded.
    flags(shared)[i] = std::byte{::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED};
  };
  const ChildEnd end = run_confined(
      [&] {
        maps(0, kLimits.memory / 2);
        maps(1, kLimits.memory);
      },
      kLimits);
  CHECK(end == ChildEnd::finished);
  CHECK(flags(shared)[0] == std::byte{1});
  CHECK(flags(shared)[1] == std::byte{0});
}

TEST_CASE("a confined child keeps none of the files open that its parent had open") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const StorageRef shared = shared_pages(4096);
  bool ended = false;
  std::thread reader([&] {
    soon([&] { return flags(shared)[0] == std::byte{1}; });
    ::close(pipe[1]);
    pollfd end = {.fd = pipe[0], .events = POLLIN, .revents = 0};
    ended = ::poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
    flags(shared)[1] = std::byte{1};
  });
  const auto work = [&] {
    flags(shared)[0] = std::byte{1};
    while (flags(shared)[1] == std::byte{0}) {
    }
  };
  CHECK(run_confined(work, kLimits) == ChildEnd::finished);
  reader.join();
  CHECK(ended);
  ::close(pipe[0]);
}

TEST_CASE("a child is confined in a process that can open no more files") {
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<int> files;
  for (int file = ::dup(STDERR_FILENO); file >= 0; file = ::dup(STDERR_FILENO))
    files.push_back(file);
  const ChildEnd end = run_confined([] {}, kLimits);
  for (const int file : files) ::close(file);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(files.size() > 0);
  CHECK(end == ChildEnd::finished);
}

namespace {

std::byte* g_handled = nullptr;  // NOLINT: a handler takes no argument

}  // namespace

TEST_CASE("a signal to the whole process group is left to the parent of a confined child") {
  const StorageRef shared = shared_pages(4096);
  g_handled = shared->data();
  const pid_t process = start_process([&] {
    ::setpgid(0, 0);
    const pid_t own = ::getpid();
    static pid_t parent;
    parent = own;
    for (const int signal : {SIGUSR1, SIGINT}) {
      std::signal(signal, [](int) { g_handled[::getpid() == parent ? 2 : 3] = std::byte{1}; });
    }
    const auto work = [&] {
      flags(shared)[0] = std::byte{1};
      while (flags(shared)[1] == std::byte{0}) {
      }
    };
    return static_cast<int>(run_confined(work, kLimits));
  });
  CHECK(soon([&] { return flags(shared)[0] == std::byte{1}; }));
  ::kill(-process, SIGUSR1);
  ::kill(-process, SIGINT);
  CHECK(soon([&] { return flags(shared)[2] == std::byte{1}; }));
  flags(shared)[1] = std::byte{1};
  CHECK(exit_code(process) == static_cast<int>(ChildEnd::finished));
  CHECK(flags(shared)[3] == std::byte{0});
}

TEST_CASE("a confined child ends with its parent") {
  const StorageRef shared = shared_pages(4096);
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);  // this process gets what its child leaves
  const pid_t process = start_process([&] {
    ::setpgid(0, 0);
    const auto work = [&] {
      flags(shared)[0] = std::byte{1};
      while (flags(shared)[0] == std::byte{1}) {
      }
    };
    return static_cast<int>(run_confined(work, kLimits));
  });
  CHECK(soon([&] { return flags(shared)[0] == std::byte{1}; }));
  ::kill(process, SIGKILL);
  exit_code(process);
  int status = 0;
  CHECK(soon([&] { return ::waitpid(-process, &status, WNOHANG) > 0; }));
  CHECK(WIFSIGNALED(status));
  ::kill(-process, SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("where no process can be confined its work does not begin, and no file is blamed") {
  const StorageRef shared = shared_pages(4096);
  // As a container or a kernel without it would refuse: prctl fails with EPERM.
  const pid_t process = start_process([&] {
    sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter = {std::size(program), program};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    if (run_confined([&] { flags(shared)[0] = std::byte{1}; }, kLimits) != ChildEnd::unconfined) {
      return 1;
    }
    if (!reads_hdf5()) return 0;
    const std::string_view file = "\x89HDF\r\n\x1A\n";
    try {
      open_keras_weights(borrowed_storage(as_bytes(file).data(), file.size()), "tf_model.h5");
    } catch (const Error& error) {
      const bool told = std::string_view(error.what()).find("seccomp") != std::string_view::npos;
      return error.code() == ErrorCode::unsupported && told ? 0 : 2;
    }
    return 3;
  });
  CHECK(exit_code(process) == 0);
  CHECK(flags(shared)[0] == std::byte{0});
}

TEST_CASE("confined children of several threads at once do not disturb each other") {
  std::vector<std::thread> threads;
  std::vector<int> good(4);
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const StorageRef shared = shared_pages(4096);
        const auto work = [&] {
          const std::vector<int> some(1000, 3);  // the heap works
          shared->data()[0] = static_cast<std::byte>(some[999]);
        };
        const bool finished = run_confined(work, kLimits) == ChildEnd::finished;
        good[t] += finished && shared->data()[0] == std::byte{3};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(4, 20));
}
