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

/// A path as the *at calls take it. Below a ConfinedFolder: the folder that it is in, reached
/// without a link, and its last part; else the whole path.
class Place {
 public:
  /// Error denied: a link is in the way.
  explicit Place(const std::string& path);
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// call(folder, name); where the folder cannot be opened, -1 and why in errno.
  template <class Call>
  auto operator()(Call call) const -> decltype(call(0, "")) {
    if (folder_ == -1) return -1;
    return call(folder_, name_.c_str());
  }
  int folder() const noexcept { return folder_; }
  const char* name() const noexcept { return name_.c_str(); }

 private:
  static constexpr int kAnywhere = -100;  // AT_FDCWD
  int folder_ = kAnywhere;
  std::string name_;
};

/// rename(2)
int rename(const Place& from, const Place& to);

/// open(2) for reading; below a ConfinedFolder without leaving it, else Error denied.
int open_to_read(const std::string& path, int flags);

class File {
 public:
  File(const std::string& path, int flags, unsigned mode = 0);
  /// Takes the descriptor.
  explicit File(int fd) noexcept : fd_(fd) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace tern::posix
