// SPDX-License-Identifier: Apache-2.0
#include "confined_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "../../engine/base/env.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::hub {

namespace {

constexpr int kFinished = 0, kNot = 1;
constexpr std::chrono::milliseconds kLongestPoll{5};

/// Bytes of address space in use: the first number of /proc/self/statm, in pages.
uint64_t address_space() {
  char text[64] = {};
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = ::read(file, text, sizeof text);
  ::close(file);
  uint64_t pages = 0;
  if (size > 0) std::from_chars(text, text + size, pages);
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

using Resource = decltype(RLIMIT_AS);

bool limit(Resource resource, uint64_t most) {
  rlimit now = {};
  if (::getrlimit(resource, &now) != 0) return false;
  const auto wanted = static_cast<rlim_t>(most);
  now.rlim_cur = now.rlim_max = std::min(wanted, now.rlim_max);
  return ::setrlimit(resource, &now) == 0;
}

/// Handlers of the process would report a crash as its own.
void reset_signals() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGTERM}) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_files() {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, 0u, ~0u, 0u) == 0) return;
#endif
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const auto most = static_cast<int>(std::min<rlim_t>(files.rlim_cur, 1 << 20));
  for (int file = 0; file < most; ++file) ::close(file);
}

[[noreturn]] void live_as_child(const std::function<void()>& work, const ChildLimits& limits) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
  reset_signals();
  const uint64_t space = address_space();
  close_files();
  const auto seconds = static_cast<uint64_t>(limits.time.count() / 1000 + 1);
  const bool limited = space > 0 && limit(RLIMIT_AS, space + limits.memory) &&
                       limit(RLIMIT_CPU, seconds) && limit(RLIMIT_NOFILE, 0) &&
                       limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0);
  if (!limited) ::_exit(kNot);
  try {
    work();
  } catch (...) {
    ::_exit(kNot);
  }
  ::_exit(kFinished);
}

/// Waits for the child; kills it when its time is over.
ChildEnd wait_for(pid_t child, std::chrono::milliseconds time) {
  const auto end = env().now() + time;
  std::chrono::milliseconds pause{0};
  bool late = false;
  while (true) {
    int status = 0;
    const pid_t got = ::waitpid(child, &status, late ? 0 : WNOHANG);
    if (got < 0 && errno == EINTR) continue;
    if (late) return ChildEnd::late;
    if (got < 0) return ChildEnd::gone;  // ECHILD
    if (got == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == kFinished) return ChildEnd::finished;
      return WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? ChildEnd::late
                                                                : ChildEnd::crashed;
    }
    late = env().now() >= end;
    if (late) {
      ::kill(child, SIGKILL);
      continue;
    }
    env().sleep_for(pause);
    pause = std::min(pause + std::chrono::milliseconds(1), kLongestPoll);
  }
}

}  // namespace

StorageRef shared_pages(size_t size) {
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) {
    fail(ErrorCode::out_of_memory, cat("no ", size, " bytes of address space to share"));
  }
  const std::shared_ptr<const void> owner(pages, [size](void* p) { ::munmap(p, size); });
  return borrowed_storage(static_cast<const std::byte*>(pages), size, owner);
}

ChildEnd run_confined(const std::function<void()>& work, const ChildLimits& limits) {
  const pid_t child = ::fork();
  if (child == 0) live_as_child(work, limits);
  if (child < 0) {
    fail(ErrorCode::out_of_memory, cat("no process for a child: error ", errno, " of fork"));
  }
  return wait_for(child, limits.time);
}

}  // namespace tern::hub
