// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "system.h"

namespace tern::cli {

namespace {

// The unfinished file that a signal has to remove: only what a handler may use. The program writes
// one output at a time.
char unfinished_path[PATH_MAX];
volatile std::sig_atomic_t unfinished = 0;

extern "C" void remove_unfinished(int signal_number) {
  if (unfinished != 0) ::unlink(unfinished_path);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

void remove_on_signal(const std::string& path) {
  if (path.size() >= sizeof unfinished_path) return;
  path.copy(unfinished_path, path.size());
  unfinished_path[path.size()] = '\0';
  unfinished = 1;
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old = {};
    // nohup has set SIGHUP to be ignored, and so it stays.
    if (::sigaction(signal_number, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    std::signal(signal_number, remove_unfinished);
  }
}

/// The file a chain of symbolic links ends at, or the path itself when there is none yet.
std::string resolved(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  std::string out = real ? real : path;
  std::free(real);
  return out;
}

}  // namespace

OutputFile::OutputFile(const std::string& path)
    : name_(path.empty() || path == "-" ? "<stdout>" : path) {
  if (path.empty() || path == "-") {
    fd_ = STDOUT_FILENO;
    return;
  }
  owned_ = true;
  target_ = resolved(path);
  struct stat status = {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    fail_system(name_, "write");
  }
  if (exists && !S_ISREG(status.st_mode)) {
    fd_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) fail_system(name_, "write");
    return;
  }
  temporary_ = cat(target_, ".", ::getpid(), ".tmp");
  const mode_t mode = exists ? status.st_mode & 0777 : 0666;
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd_ < 0) fail_system(name_, "write");
  remove_on_signal(temporary_);
}

OutputFile::~OutputFile() {
  if (owned_ && fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  unfinished = 0;
}

void OutputFile::write_at(std::string_view bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = offset < 0 ? ::write(fd_, bytes.data(), bytes.size())
                                     : ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_system(name_, "write");
    bytes.remove_prefix(static_cast<size_t>(count));
    if (offset >= 0) offset += count;
  }
}

void OutputFile::write(std::string_view bytes) {
  write_at(bytes, -1);
}

void OutputFile::rewrite_start(std::string_view bytes) {
  write_at(bytes, 0);
}

bool OutputFile::to_terminal() const {
  return ::isatty(fd_) == 1;
}

void OutputFile::commit() {
  if (!owned_) return;
  if (!temporary_.empty() && ::fsync(fd_) != 0) fail_system(name_, "sync");
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) fail_system(name_, "close");
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_system(name_, "rename");
  temporary_.clear();
  unfinished = 0;
}

}  // namespace tern::cli
