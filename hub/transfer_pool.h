// SPDX-License-Identifier: Apache-2.0
// TransferPool: the threads of a download. Each takes the next part of the first file that has one,
// so that files are finished in order; the last thread to leave a file verifies and publishes it.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <vector>

#include "transfer.h"

namespace tern::hub {

class TransferPool {
 public:
  TransferPool(const std::string& id, const std::string& commit, const RepoCache& cache,
               HubConnection& connection);

  /// False when another process or thread has the file's lock. A blob that is there already is only
  /// linked, unless `again`.
  bool add(const HubFile& file, bool again);
  /// Fetches and links all that were added; the bytes that came. The first Error ends the others.
  uint64_t run();

 private:
  struct Entry {
    HubFile file;
    OpenedFile lock;
    std::unique_ptr<Transfer> transfer;
    bool published = false;
  };

  void work(HubConnection& connection);
  bool step(HubConnection& connection);
  void check_space() const;
  void progressed(int64_t bytes);

  const RepoCache& cache_;
  HubConnection& connection_;
  TransferSetting setting_;
  std::vector<Entry> entries_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr failure_;

  std::mutex progress_mutex_;
  int64_t done_ = 0, total_ = 0, came_ = 0;
  std::chrono::steady_clock::time_point told_{};
};

}  // namespace tern::hub
