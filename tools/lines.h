// SPDX-License-Identifier: Apache-2.0
// LineSource: the lines of a file or of standard input, read ahead by a thread of its own. A line
// ends at "\n"; one "\r" before that is dropped (as Python's text mode does), any other "\r"
// belongs to the text, so that there are as many lines as `wc -l` counts, plus an unfinished last
// one. What is held is bounded by kWindowBytes and kWindowLines plus one line, whatever the input's
// size.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tern::cli {

/// Consecutive lines in one buffer.
class Lines {
 public:
  size_t size() const noexcept { return spans_.size(); }
  bool empty() const noexcept { return spans_.empty(); }
  std::string_view operator[](size_t i) const noexcept {
    return std::string_view(bytes_).substr(spans_[i].first, spans_[i].second);
  }
  size_t bytes() const noexcept { return bytes_.size(); }
  void add(std::string_view line);
  /// Forgets the lines and, when one of them was huge, its memory.
  void clear();

 private:
  std::string bytes_;
  std::vector<std::pair<size_t, size_t>> spans_;  // begin, length
};

class LineSource {
 public:
  static constexpr size_t kWindowLines = 4096;
  static constexpr size_t kWindowBytes = size_t{4} << 20;
  static constexpr size_t kLongestLine = size_t{1} << 30;

  /// "-": standard input. not_found, denied, io.
  explicit LineSource(const std::string& path);
  ~LineSource();
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  /// Replaces `lines` by all that have been read meanwhile, waiting for at least one; false at the
  /// end. A slow producer thus gets its answers line by line, a file is taken in whole windows.
  bool take(Lines& lines);
  /// Size in bytes; 0 when it is not known (a pipe).
  uint64_t total_bytes() const noexcept { return total_bytes_; }

 private:
  void read_all();
  void deliver(std::string_view chunk);
  /// Waits for room; the caller holds the lock.
  void push(std::unique_lock<std::mutex>& lock, std::string_view line);

  std::string name_;
  int fd_ = -1;
  int stop_pipe_[2] = {-1, -1};  // closing the write end wakes the reader up for good
  uint64_t total_bytes_ = 0;
  std::string unfinished_;  // the reader's: a line whose end has not come yet

  std::mutex mutex_;
  std::condition_variable changed_;
  Lines pending_;
  bool ended_ = false, stopped_ = false;
  std::exception_ptr error_;
  std::thread reader_;
};

}  // namespace tern::cli
