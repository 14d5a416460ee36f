// SPDX-License-Identifier: Apache-2.0
// PartialFile: a blob while it comes, blobs/<hash>.<process>.<8 hex>.incomplete. It is as large as
// the blob will be, and behind that stands a journal: the machine that it is written on, and how
// many bytes of each segment are there. Data is written before the journal says so, so that a
// process killed at any moment leaves a file that the next one goes on with. Each download has its
// own file, since a lock may lie; one is taken over only when its writer let it go (process 0) or
// is gone, and by a rename, so that of many who try one has it. Publishing cuts the journal off.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../engine/base/bytes.h"
#include "cache.h"

namespace tern::hub {

class PartialFile {
 public:
  static constexpr uint64_t kSegment = uint64_t{64} << 20;

  struct Segment {
    uint64_t begin, end;
    std::atomic<uint64_t> done{0};  // bytes from begin
    Segment(uint64_t first, uint64_t last) : begin(first), end(last) {}
    uint64_t size() const noexcept { return end - begin; }
  };

  /// Goes on with what an earlier download left, else begins a new file.
  PartialFile(const RepoCache& cache, const std::string& hash, uint64_t size);
  /// Lets the file go, for the next one to go on with, unless it was published or discarded.
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  size_t segments() const noexcept { return segments_.size(); }
  Segment& segment(size_t i) noexcept { return *segments_[i]; }
  uint64_t size() const noexcept { return size_; }
  uint64_t done() const noexcept;
  /// Bytes from the beginning without a gap.
  uint64_t contiguous() const noexcept;

  /// Appends to a segment, which one thread at a time does; never beyond its end.
  void write(size_t segment, Bytes bytes);
  /// Forgets what a segment holds.
  void forget(size_t segment);
  size_t read(std::span<std::byte> bytes, uint64_t offset) const;
  /// Makes it the blob: durable and complete under its name.
  void publish(const std::string& blob);
  void discard() noexcept;

 private:
  int claim(const RepoCache& cache, const std::string& hash);
  bool read_journal(int file, int64_t process, int64_t mtime_ns);
  void write_header();
  void record(size_t segment);

  std::string path_;
  uint64_t size_;
  int file_ = -1;
  bool finished_ = false;
  std::vector<std::unique_ptr<Segment>> segments_;
};

}  // namespace tern::hub
