// SPDX-License-Identifier: Apache-2.0
// ProgressBar: one line on standard error, redrawn at most ten times a second, only on a terminal
// and only when neither HF_HUB_DISABLE_PROGRESS_BARS nor CI is set. Wiped when it goes out of
// scope.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace tern::cli {

class ProgressBar {
 public:
  /// `total_bytes` of input: 0 when not known, then there is no share done and no time left.
  ProgressBar(std::string_view stage, uint64_t total_bytes, bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(uint64_t texts, uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);

  std::string_view stage_;
  uint64_t total_bytes_;
  bool shown_, drawn_ = false;
  uint64_t texts_ = 0, bytes_ = 0;
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};

}  // namespace tern::cli
