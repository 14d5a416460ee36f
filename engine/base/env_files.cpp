// SPDX-License-Identifier: Apache-2.0
// Env's calls for names, locks and files that grow piece by piece.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <thread>

#include "env.h"
#include "posix.h"

namespace tern {

using posix::check_path;
using posix::fail_errno;
using posix::Place;
using posix::uninterrupted;

namespace {

// Linux moves at most 2^31 - 4096 bytes at a time.
constexpr size_t kMostAtOnce = size_t{1} << 30;

int flags_of(OpenMode mode) {
  // O_NONBLOCK: a named pipe must not block the open.
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY | O_NONBLOCK;
    case OpenMode::update:
      return O_RDWR | O_NONBLOCK;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_EXCL;
    default:
      return O_RDWR | O_CREAT | O_NONBLOCK;
  }
}

/// With stat, or lstat, which alone sees links.
template <class Call>
FileInfo look_up(const std::string& path, Call call) {
  check_path(path);
  struct stat s = {};
  if (call(&s) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    fail_errno(path, "look it up", errno);
  }
  return {.exists = true,
          .directory = S_ISDIR(s.st_mode),
          .special = !S_ISDIR(s.st_mode) && !S_ISREG(s.st_mode) && !S_ISLNK(s.st_mode),
          .size = static_cast<uint64_t>(s.st_size),
          .device = s.st_dev,
          .inode = s.st_ino,
          .mtime_ns = s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec,
          .link = S_ISLNK(s.st_mode),
          .ctime_ns = s.st_ctim.tv_sec * 1'000'000'000 + s.st_ctim.tv_nsec};
}

}  // namespace

int Env::open_file(const std::string& path, OpenMode mode) {
  check_path(path);
  const mode_t permissions = mode == OpenMode::lock ? 0666 : 0600;
  const int flags = flags_of(mode) | O_CLOEXEC | O_NOFOLLOW;
  const Place place(path);
  const int file = uninterrupted([&] {
    return place([&](int folder, const char* name) {
      return ::openat(folder, name, flags, permissions);
    });
  });
  if (file < 0) fail_errno(path, mode == OpenMode::create ? "create" : "open", errno);
  return file;
}

void Env::close_file(int file) noexcept {
  ::close(file);
}

void Env::write_at(int file, const std::string& path, std::span<const std::byte> bytes,
                   uint64_t offset) {
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kMostAtOnce);
    const ssize_t written = uninterrupted(
        [&] { return ::pwrite(file, bytes.data(), piece, static_cast<off_t>(offset)); });
    if (written < 0) fail_errno(path, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<size_t>(written);
  }
}

size_t Env::read_at(int file, const std::string& path, std::span<std::byte> bytes,
                    uint64_t offset) {
  size_t filled = 0;
  while (filled < bytes.size()) {
    const size_t piece = std::min(bytes.size() - filled, kMostAtOnce);
    const ssize_t got = uninterrupted([&] {
      return ::pread(file, bytes.data() + filled, piece, static_cast<off_t>(offset + filled));
    });
    if (got < 0) fail_errno(path, "read", errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

void Env::resize_file(int file, const std::string& path, uint64_t size) {
  if (uninterrupted([&] { return ::ftruncate(file, static_cast<off_t>(size)); }) != 0) {
    fail_errno(path, "set its size", errno);
  }
}

void Env::sync_file(int file, const std::string& path) {
  // File systems without modes refuse; the content matters more.
  static_cast<void>(::fchmod(file, posix::mode_for("")));
  if (uninterrupted([&] { return ::fsync(file); }) != 0) fail_errno(path, "sync", errno);
}

LockState Env::try_lock(int file, const std::string& path) {
  if (uninterrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0) return LockState::taken;
  if (errno == EWOULDBLOCK) return LockState::busy;
  if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL) {
    return LockState::unavailable;
  }
  fail_errno(path, "lock", errno);
}

void Env::rename_file(const std::string& from, const std::string& to) {
  check_path(to);
  if (posix::rename(Place(from), Place(to)) != 0) {
    fail_errno(to, "rename the finished file to it", errno);
  }
  posix::sync_directory(posix::directory_of(to), to);
}

void Env::remove_file(const std::string& path) {
  check_path(path);
  const int result =
      Place(path)([](int folder, const char* name) { return ::unlinkat(folder, name, 0); });
  if (result != 0 && errno != ENOENT) fail_errno(path, "remove", errno);
}

bool Env::remove_directory(const std::string& path) {
  check_path(path);
  const int result = Place(path)(
      [](int folder, const char* name) { return ::unlinkat(folder, name, AT_REMOVEDIR); });
  if (result == 0 || errno == ENOENT) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  fail_errno(path, "remove the folder", errno);
}

bool Env::make_directory(const std::string& path) {
  check_path(path);
  const int result =
      Place(path)([](int folder, const char* name) { return ::mkdirat(folder, name, 0777); });
  if (result == 0) return true;
  if (errno == EEXIST) return false;
  fail_errno(path, "make the folder", errno);
}

void Env::touch(const std::string& path) noexcept {
  try {
    const Place place(path);
    place([](int folder, const char* name) {
      return ::utimensat(folder, name, nullptr, AT_SYMLINK_NOFOLLOW);
    });
  } catch (const std::exception&) {  // only tidiness hangs on it
  }
}

void Env::make_private(const std::string& path) {
  check_path(path);
  if (::chmod(path.c_str(), 0700) != 0) fail_errno(path, "change its permissions", errno);
}

void Env::make_link(const std::string& target, const std::string& path) {
  check_path(path);
  const int result = Place(path)([&](int folder, const char* name) {
    return ::symlinkat(target.c_str(), folder, name);
  });
  if (result != 0) fail_errno(path, "make the link", errno);
}

std::optional<std::string> Env::read_link(const std::string& path) {
  check_path(path);
  std::string target(4096, '\0');  // PATH_MAX: no link is longer
  const ssize_t size = Place(path)([&](int folder, const char* name) {
    return ::readlinkat(folder, name, target.data(), target.size());
  });
  if (size < 0) {
    if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail_errno(path, "read the link", errno);
  }
  target.resize(static_cast<size_t>(size));
  return target;
}

FileInfo Env::stat(const std::string& path) {
  return look_up(path, [&](struct stat* s) { return ::stat(path.c_str(), s); });
}

FileInfo Env::link_info(const std::string& path) {
  return look_up(path, [&](struct stat* s) {
    return Place(path)([&](int folder, const char* name) {
      return ::fstatat(folder, name, s, AT_SYMLINK_NOFOLLOW);
    });
  });
}

uint64_t Env::free_space(const std::string& path) {
  check_path(path);
  struct statvfs s = {};
  if (uninterrupted([&] { return ::statvfs(path.c_str(), &s); }) != 0) {
    fail_errno(path, "ask for the free space", errno);
  }
  return static_cast<uint64_t>(s.f_bavail) * s.f_frsize;
}

void Env::sleep_for(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

int64_t Env::wall_time_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

int64_t Env::process_id() {
  return ::getpid();
}

bool Env::process_runs(int64_t id) {
  return id > 0 && (::kill(static_cast<pid_t>(id), 0) == 0 || errno != ESRCH);
}

}  // namespace tern
