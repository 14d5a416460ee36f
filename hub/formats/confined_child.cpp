// SPDX-License-Identifier: Apache-2.0
// The system is called here and not through Env: all but the fork and the wait happens in the
// child, where nothing of the parent's may be trusted to work, and each refusal can be provoked.
#include "confined_child.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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
#include <cstddef>
#include <iterator>
#include <memory>

#include "../../engine/base/env.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::hub {

namespace {

constexpr int kFinished = 0, kThrew = 1, kUnconfined = 2;
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

void close_files() {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, 0u, ~0u, 0u) == 0) return;
#endif
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const auto most = static_cast<int>(std::min<rlim_t>(files.rlim_max, 1 << 20));
  for (int file = 0; file < most; ++file) ::close(file);
}

#if defined(__x86_64__) || defined(__aarch64__)

#ifdef __x86_64__
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif

/// What the heap, locks, clocks and the end of a process need, and exceptions under a sanitizer
/// (sigaltstack).
constexpr unsigned kAllowed[] = {
    SYS_brk,   SYS_mmap,          SYS_munmap,       SYS_mremap,      SYS_mprotect,  SYS_madvise,
    SYS_futex, SYS_clock_gettime, SYS_gettimeofday, SYS_sigaltstack, SYS_exit_group};

/// From now on every other call fails with EPERM. One of another architecture's numbers kills.
bool forbid_other_calls() {
  constexpr size_t kCalls = std::size(kAllowed);
  constexpr unsigned kRefuse = SECCOMP_RET_ERRNO | EPERM;
  sock_filter program[kCalls + 6] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (size_t i = 0; i < kCalls; ++i) {  // over the rest and the refusal, to the last line
    const auto to_end = static_cast<uint8_t>(kCalls - i);
    program[4 + i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAllowed[i], to_end, 0);
  }
  program[4 + kCalls] = BPF_STMT(BPF_RET | BPF_K, kRefuse);
  program[5 + kCalls] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

#else

bool forbid_other_calls() {
  return false;
}

#endif

/// Handlers of the process would report a crash as its own. All signals are blocked and stay so:
/// what a crash raises kills nevertheless, and what a terminal sends is for the parent to answer.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
}

bool confine(pid_t parent, const ChildLimits& limits) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) return false;
  if (::getppid() != parent) ::_exit(kUnconfined);  // it ended before it could take this one along
  close_files();                                    // before a file is opened: all may be in use
  const uint64_t space = address_space();
  const auto seconds = static_cast<uint64_t>(limits.time.count() / 1000 + 1);
  return space > 0 && limit(RLIMIT_AS, space + limits.memory) && limit(RLIMIT_CPU, seconds) &&
         forbid_other_calls();
}

[[noreturn]] void live_as_child(pid_t parent, const std::function<void()>& work,
                                const ChildLimits& limits) {
  reset_signals();
  if (!confine(parent, limits)) ::_exit(kUnconfined);
  try {
    work();
  } catch (...) {
    ::_exit(kThrew);
  }
  ::_exit(kFinished);
}

/// Waits for the child; kills it when its time is over.
ChildEnd wait_for(pid_t child, std::chrono::milliseconds time) {
  const auto end = env().now() + time;
  std::chrono::milliseconds pause{0};
  while (true) {
    const bool late = env().now() >= end;
    if (late) ::kill(child, SIGKILL);
    int status = 0;
    const pid_t got = ::waitpid(child, &status, late ? 0 : WNOHANG);
    if (got < 0 && errno == EINTR) continue;
    if (got == child && WIFEXITED(status) && WEXITSTATUS(status) == kFinished) {
      return ChildEnd::finished;
    }
    if (late) return ChildEnd::late;
    if (got < 0) return ChildEnd::gone;  // ECHILD
    if (got == child) {
      return WIFEXITED(status) && WEXITSTATUS(status) == kUnconfined ? ChildEnd::unconfined
                                                                     : ChildEnd::crashed;
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
  // Blocked until the child has none of the program's handlers any more.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) live_as_child(parent, work, limits);
  const int problem = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) {
    fail(ErrorCode::out_of_memory, cat("no process for a child: error ", problem, " of fork"));
  }
  return wait_for(child, limits.time);
}

}  // namespace tern::hub
