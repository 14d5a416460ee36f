// SPDX-License-Identifier: Apache-2.0
// What the files that implement Env share: errno as an Error, and calls that signals interrupt.
#pragma once

#include <cerrno>
#include <string>

namespace tern::posix {

/// "<path>: cannot <action>: <what the system says>: <the likely cause>"
[[noreturn]] void fail_errno(const std::string& path, const char* action, int error);

/// A path with a zero byte would name another file to the system.
void check_path(const std::string& path);

/// The folder that holds `path`.
std::string directory_of(const std::string& path);

/// The permissions of the file at `path`, or of a new one under this process's umask.
unsigned mode_for(const std::string& path);

/// Makes what was renamed into `directory` durable; some file systems cannot.
void sync_directory(const std::string& directory, const std::string& path);

/// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

class File {
 public:
  File(const std::string& path, int flags, unsigned mode = 0);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace tern::posix
