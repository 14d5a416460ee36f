// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "display.h"

namespace tern::cli {

namespace {

bool switched_off(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return false;
  const std::string_view text(value);
  return !text.empty() && text != "0" && text != "false" && text != "False";
}

}  // namespace

std::string clock_text(double seconds) {
  constexpr double kTooLong = 360000;
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, kTooLong));
  const int64_t h = whole / 3600, m = whole / 60 % 60, s = whole % 60;
  const std::string two = cat(s < 10 ? "0" : "", s);
  return h > 0 ? cat(h, m < 10 ? ":0" : ":", m, ":", two) : cat(m, ":", two);
}

std::string bar_text(double share, int cells) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(share * cells * 8);
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[eighths % 8];
  for (int i = (eighths + 7) / 8; i < cells; ++i) out += " ";
  return out;
}

bool progress_bars_shown() {
  return is_terminal(STDERR_FILENO) && !switched_off("HF_HUB_DISABLE_PROGRESS_BARS") &&
         !switched_off("CI");
}

ProgressBar::ProgressBar(std::string_view stage, uint64_t total_bytes, bool wanted)
    : stage_(stage), total_bytes_(total_bytes), shown_(wanted && progress_bars_shown()) {
  if (!shown_) return;
  set_progress_callback([this](std::string_view what, uint64_t done, uint64_t total) {
    if (total > 0 && what != "download")
      update(static_cast<double>(done) / static_cast<double>(total));
  });
}

ProgressBar::~ProgressBar() {
  if (shown_) set_progress_callback({});
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::begin(uint64_t texts, uint64_t bytes) {
  slice_texts_ = texts;
  slice_bytes_ = bytes;
}

void ProgressBar::end() {
  if (shown_) update(1);
  texts_ += std::exchange(slice_texts_, 0);
  bytes_ += std::exchange(slice_bytes_, 0);
}

void ProgressBar::update(double share_of_slice) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  const Clock::time_point now = Clock::now();
  if (now - last_ < kInterval) return;
  last_ = now;
  const auto part = [&](uint64_t whole) {
    return static_cast<uint64_t>(std::clamp(share_of_slice, 0.0, 1.0) * static_cast<double>(whole));
  };
  draw(std::chrono::duration<double>(now - begin_).count(), texts_ + part(slice_texts_),
       bytes_ + part(slice_bytes_));
}

void ProgressBar::draw(double seconds, uint64_t texts, uint64_t bytes) {
  const double rate = static_cast<double>(texts) / std::max(seconds, 1e-3);
  std::string line = cat(stage_, "  ");
  if (total_bytes_ > 0) {
    const double share =
        std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_bytes_));
    constexpr int kCells = 24;
    line += cat("▕", bar_text(share, kCells), "▏ ", static_cast<int>(share * 100), "%  ");
    line += cat(texts, " texts  ", static_cast<int64_t>(rate), "/s");
    if (share > 0) line += cat("  ", clock_text(seconds / share - seconds), " left");
  } else {
    line += cat(texts, " texts  ", static_cast<int64_t>(rate), "/s  ", clock_text(seconds));
  }
  const size_t columns = terminal_columns(STDERR_FILENO);
  std::fputs(cat("\r", printable(line, columns > 1 ? columns - 1 : 1), "\x1b[K").c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace tern::cli
