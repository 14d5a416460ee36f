// SPDX-License-Identifier: Apache-2.0
// DownloadBar: bytes that come from the hub (or are verified) as one line on standard error: share,
// rate over the last seconds, time left. Only on a terminal, redrawn at most ten times a second,
// wiped at the end; not with HF_HUB_DISABLE_PROGRESS_BARS or CI.
#pragma once

namespace tern::cli {

class DownloadBar {
 public:
  /// Takes the progress callback.
  explicit DownloadBar(bool wanted);
  /// Gives it back.
  ~DownloadBar();
  DownloadBar(const DownloadBar&) = delete;
  DownloadBar& operator=(const DownloadBar&) = delete;
};

}  // namespace tern::cli
