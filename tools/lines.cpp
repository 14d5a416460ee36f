// SPDX-License-Identifier: Apache-2.0
#include "lines.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "system.h"

namespace tern::cli {

void Lines::add(std::string_view line) {
  spans_.emplace_back(bytes_.size(), line.size());
  bytes_ += line;
}

void Lines::clear() {
  spans_.clear();
  if (bytes_.capacity() > 4 * LineSource::kWindowBytes) bytes_ = std::string();
  bytes_.clear();
}

LineSource::LineSource(const std::string& path) : name_(path == "-" ? "<stdin>" : path) {
  fd_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) fail_system(name_, "open");
  struct stat status = {};
  if (::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) {
    total_bytes_ = static_cast<uint64_t>(status.st_size);
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  if (::pipe2(stop_pipe_, O_CLOEXEC) != 0) fail_system(name_, "make a pipe for the reader of");
  reader_ = std::thread([this] {
    try {
      read_all();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

LineSource::~LineSource() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  ::close(stop_pipe_[1]);
  reader_.join();
  ::close(stop_pipe_[0]);
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

bool LineSource::take(Lines& lines) {
  lines.clear();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !pending_.empty() || ended_; });
  std::swap(lines, pending_);
  changed_.notify_all();
  // Lines before the place where reading failed are still delivered.
  if (lines.empty() && error_) std::rethrow_exception(error_);
  return !lines.empty();
}

void LineSource::read_all() {
  std::vector<char> buffer(size_t{1} << 18);
  while (true) {
    pollfd waiting[2] = {{fd_, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) {
      if (errno == EINTR) continue;
      fail_system(name_, "wait for");
    }
    if (waiting[1].revents != 0) return;
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) fail_system(name_, "read");
    if (count == 0) break;
    deliver({buffer.data(), static_cast<size_t>(count)});
  }
  std::unique_lock lock(mutex_);
  if (!unfinished_.empty()) push(lock, unfinished_);
}

void LineSource::deliver(std::string_view chunk) {
  std::unique_lock lock(mutex_);
  for (size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
    if (unfinished_.empty()) {
      push(lock, chunk.substr(0, end));
    } else {
      unfinished_ += chunk.substr(0, end);
      push(lock, unfinished_);
      unfinished_ = std::string();
    }
    chunk.remove_prefix(end + 1);
  }
  changed_.notify_all();
  lock.unlock();
  unfinished_ += chunk;
  if (unfinished_.size() > kLongestLine) {
    fail(ErrorCode::invalid_argument,
         cat(name_, ": a line has more than ", kLongestLine, " bytes: is this a text file?"));
  }
}

void LineSource::push(std::unique_lock<std::mutex>& lock, std::string_view line) {
  const auto room = [this] {
    return stopped_ || (pending_.size() < kWindowLines && pending_.bytes() < kWindowBytes);
  };
  if (!room()) {
    changed_.notify_all();
    changed_.wait(lock, room);
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  pending_.add(line);
}

}  // namespace tern::cli
