// SPDX-License-Identifier: Apache-2.0
// Transfer: one blob on its way from the hub into the cache, by any number of threads, each of
// which takes a segment. The hash is computed over what the file holds, in order, while it grows; a
// blob is published only when it has the hash the listing gave. A server that answers with
// something else (a wrong size or range, other content) gets one more chance, from the beginning
// and in one stream.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api.h"
#include "hash.h"
#include "partial_file.h"

namespace tern::hub {

/// What the transfers of one download have in common.
struct TransferSetting {
  const RepoCache& cache;
  const std::string& id;
  const std::string& commit;
  std::function<void(int64_t bytes)> progressed;  // negative when they have to come again
  std::atomic<bool> stop{false};                  // another transfer failed
};

class Transfer {
 public:
  /// Opens the partial file. `setting` outlives the transfer.
  Transfer(TransferSetting& setting, const HubFile& file);

  enum class Work { none, fetch, finish, published };
  struct Job {
    Work work = Work::none;
    size_t segment = 0;
    uint64_t generation = 0;  // what it begins with; over when another one has begun
  };
  /// What there is to do now; none: others are at it.
  Job take();
  /// Does it. Errors: network, corrupt, denied, io (then nothing is left of the file).
  void run(const Job& job, HubConnection& connection);

  const HubFile& file() const noexcept { return file_; }
  uint64_t remaining() const noexcept { return partial_.size() - partial_.done(); }
  void discard() noexcept { partial_.discard(); }

 private:
  friend class SegmentReceiver;
  void fetch(const Job& job, HubConnection& connection);
  bool fetch_once(const Job& job, HubConnection& connection, Retry& retry);
  void finish();
  void advance_hash(bool wait);
  /// The content is not what it has to be: begins anew, the second time corrupt.
  void suspect(const std::string& why);
  /// From the beginning, in one stream.
  void begin_again();
  void restart_now();
  std::string address(const HubSettings& settings);
  void remember(const std::string& url, const HubSettings& settings);

  TransferSetting& setting_;
  const HubFile file_;
  PartialFile partial_;

  std::mutex mutex_;  // of what follows
  std::vector<bool> busy_;
  bool finishing_ = false, published_ = false;
  bool restart_ = false;  // as soon as nobody is busy
  int suspicions_ = 0, broken_streams_ = 0;
  std::atomic<bool> ranges_{true};  // false: one stream from the beginning
  std::atomic<uint64_t> generation_{0};
  std::string location_;  // where the endpoint redirects to

  std::mutex hash_mutex_;
  Hasher hasher_;
  uint64_t hashed_ = 0;
};

}  // namespace tern::hub
