// SPDX-License-Identifier: Apache-2.0
#include "download_bar.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "display.h"
#include "progress.h"

namespace tern::cli {

namespace {

using Clock = std::chrono::steady_clock;

/// What is drawn; the callback owns it, as it may outlive the bar by one call.
class Line {
 public:
  void show(std::string_view stage, uint64_t done, uint64_t total);

 private:
  void draw(std::string_view stage, uint64_t done, uint64_t total);

  std::mutex mutex_;
  bool drawn_ = false;
  Clock::time_point last_{}, mark_ = Clock::now();
  uint64_t mark_done_ = 0;
  double rate_ = 0;  // bytes per second
};

void Line::show(std::string_view stage, uint64_t done, uint64_t total) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  const std::scoped_lock lock(mutex_);
  if (done >= total) {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
    mark_done_ = 0;
    return;
  }
  const Clock::time_point now = Clock::now();
  if (now - last_ < kInterval) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - mark_).count();
  if (!drawn_ || done < mark_done_) {  // what an earlier run left does not count as a rate
    mark_ = now;
    mark_done_ = done;
    rate_ = 0;
  } else if (seconds > 1) {
    constexpr double kNew = 0.4;
    const double measured = static_cast<double>(done - mark_done_) / seconds;
    rate_ = rate_ > 0 ? rate_ + kNew * (measured - rate_) : measured;
    mark_ = now;
    mark_done_ = done;
  }
  draw(stage, done, total);
}

void Line::draw(std::string_view stage, uint64_t done, uint64_t total) {
  constexpr int kCells = 24;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  std::string line = cat(stage, "  ▕", bar_text(share, kCells), "▏ ", static_cast<int>(share * 100),
                         "%  ", size_text(done), " of ", size_text(total));
  if (rate_ > 0) {
    line += cat("  ", size_text(static_cast<uint64_t>(rate_)), "/s  ",
                clock_text(static_cast<double>(total - done) / rate_), " left");
  }
  const size_t columns = terminal_columns(STDERR_FILENO);
  std::fputs(cat("\r", printable(line, columns > 1 ? columns - 1 : 1), "\x1b[K").c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace

DownloadBar::DownloadBar(bool wanted) {
  if (!wanted || !progress_bars_shown()) return;
  set_progress_callback(
      [line = std::make_shared<Line>()](std::string_view stage, uint64_t done, uint64_t total) {
        if (stage == "download" || stage == "verify") line->show(stage, done, total);
      });
}

DownloadBar::~DownloadBar() {
  set_progress_callback({});
}

}  // namespace tern::cli
