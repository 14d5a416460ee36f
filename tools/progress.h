// SPDX-License-Identifier: Apache-2.0
// ProgressBar: one line on standard error, redrawn at most ten times a second, only on a terminal
// and only when neither HF_HUB_DISABLE_PROGRESS_BARS nor CI is set. Wiped when it goes out of
// scope.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tern::cli {

/// Standard error is a terminal and nobody asked for no bars.
bool progress_bars_shown();
/// "1:02:03", "4:05"
std::string clock_text(double seconds);
/// `share` of so many cells, in eighths of one, so that the bar grows smoothly.
std::string bar_text(double share, int cells);

class ProgressBar {
 public:
  /// `total_bytes` of input: 0 when not known, then there is no share done and no time left.
  ProgressBar(std::string_view stage, uint64_t total_bytes, bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// The library is about to work on this many texts, made of this many bytes of input; what it
  /// reports meanwhile is shown as a part of them.
  void begin(uint64_t texts, uint64_t bytes);
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void update(double share_of_slice);
  void draw(double seconds, uint64_t texts, uint64_t bytes);

  std::string_view stage_;
  uint64_t total_bytes_;
  bool shown_, drawn_ = false;
  uint64_t texts_ = 0, bytes_ = 0;              // done
  uint64_t slice_texts_ = 0, slice_bytes_ = 0;  // being worked on
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};

}  // namespace tern::cli
