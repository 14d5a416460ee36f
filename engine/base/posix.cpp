// SPDX-License-Identifier: Apache-2.0
#include "posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "error.h"
#include "format.h"

namespace tern::posix {

namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::denied;
    case ENOMEM:
      return ErrorCode::out_of_memory;
    case ENAMETOOLONG:
    case EISDIR:
      return ErrorCode::invalid_argument;
    default:
      return ErrorCode::io;
  }
}

const char* likely_cause(int error) {
  switch (error) {
    case ENOENT:
      return ": is the name spelled right?";
    case ENOTDIR:
      return ": a part of the path is a file, not a directory";
    case EACCES:
    case EPERM:
      return ": look at the permissions of the file and its directories";
    case EMFILE:
      return ": raise the limit of open files (ulimit -n)";
    case ENOSPC:
    case EDQUOT:
      return ": the disk or the quota is full";
    case EFBIG:
      return ": larger than the file system or ulimit -f allows";
    case EIO:
      return ": the disk reports an error";
    default:
      return "";
  }
}

}  // namespace

void fail_errno(const std::string& path, const char* action, int error) {
  fail(code_of(error), cat(path, ": cannot ", action, ": ", std::generic_category().message(error),
                           likely_cause(error)));
}

void check_path(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::invalid_argument, cat(path.c_str(), ": the path contains a zero byte"));
  }
}

File::File(const std::string& path, int flags, unsigned mode)
    : fd_(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); })) {}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

unsigned mode_for(const std::string& path) {
  struct stat s = {};
  if (::stat(path.c_str(), &s) == 0) return s.st_mode & 0777;
  // umask() can only be read by changing it, which other threads would notice.
  constexpr mode_t kPrivate = 0600;
  const File status("/proc/self/status", O_RDONLY);
  char text[4096];
  const ssize_t got = status ? ::read(status.fd(), text, sizeof text - 1) : 0;
  const std::string_view lines(text, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  const size_t at = lines.find("\nUmask:\t");
  if (at == lines.npos || at + 12 > lines.size()) return kPrivate;
  mode_t mask = 0;
  for (const char digit : lines.substr(at + 8, 4)) {
    if (digit < '0' || digit > '7') return kPrivate;
    mask = mask * 8 + static_cast<mode_t>(digit - '0');
  }
  return 0666 & ~mask;
}

void sync_directory(const std::string& directory, const std::string& path) {
  const File file(directory, O_RDONLY | O_DIRECTORY);
  if (file && ::fsync(file.fd()) != 0 && errno == EIO) fail_errno(path, "sync its directory", EIO);
}

}  // namespace tern::posix
