// SPDX-License-Identifier: Apache-2.0
#include "transfer_pool.h"

#include <algorithm>
#include <thread>

#include "../engine/base/format.h"
#include "../engine/base/log.h"

namespace tern::hub {

namespace {

constexpr size_t kMostThreads = 8;
constexpr size_t kMostAtOnce = 64;  // files, each with two descriptors
constexpr auto kTellEvery = std::chrono::milliseconds(50);

}  // namespace

TransferPool::TransferPool(const std::string& id, const std::string& commit, const RepoCache& cache,
                           HubConnection& connection)
    : cache_(cache),
      connection_(connection),
      setting_{.cache = cache, .id = id, .commit = commit, .progressed = [this](int64_t bytes) {
                 progressed(bytes);
               }} {}

bool TransferPool::add(const HubFile& file, bool again) {
  if (entries_.size() == kMostAtOnce) return false;
  const bool symlinks = connection_.settings().symlinks;
  if (!again && cache_.has_blob(file.hash, file.size)) {
    cache_.link(setting_.commit, file.path, file.hash, symlinks);
    return true;
  }
  for (const Entry& entry : entries_) {
    if (entry.file.hash == file.hash) return false;  // the same content under another name
  }
  std::optional<OpenedFile> lock = cache_.try_lock(file.hash);
  if (!lock) return false;
  if (!again && cache_.has_blob(file.hash, file.size)) {  // by who had the lock
    cache_.link(setting_.commit, file.path, file.hash, symlinks);
    return true;
  }
  entries_.push_back({.file = file,
                      .lock = std::move(*lock),
                      .transfer = std::make_unique<Transfer>(setting_, file)});
  const auto size = static_cast<int64_t>(file.size);
  total_ += size;
  done_ += size - static_cast<int64_t>(entries_.back().transfer->remaining());
  return true;
}

void TransferPool::check_space() const {
  uint64_t needed = 0;
  for (const Entry& entry : entries_) needed += entry.transfer->remaining();
  const uint64_t space = env().free_space(cache_.folder());
  if (needed <= space) return;
  fail(ErrorCode::io,
       cat(cache_.folder(), ": ", needed, " bytes are to come, but the disk has only ", space,
           " left: make room (tern cache ls), or let HF_HUB_CACHE name another disk"));
}

void TransferPool::progressed(int64_t bytes) {
  const std::scoped_lock lock(progress_mutex_);
  done_ += bytes;
  if (bytes > 0) came_ += bytes;
  const auto now = env().now();
  if (now - told_ < kTellEvery && done_ < total_) return;
  told_ = now;
  progress("download", static_cast<uint64_t>(std::max<int64_t>(done_, 0)),
           static_cast<uint64_t>(total_));
}

/// One job; false when all files are there or somebody failed.
bool TransferPool::step(HubConnection& connection) {
  std::unique_lock lock(mutex_);
  Entry* chosen = nullptr;
  Transfer::Job job;
  while (true) {
    if (failure_) return false;
    bool all = true;
    for (Entry& entry : entries_) {
      if (entry.published) continue;
      job = entry.transfer->take();
      if (job.work == Transfer::Work::published) {
        entry.published = true;
        continue;
      }
      all = false;
      if (job.work == Transfer::Work::none) continue;
      chosen = &entry;
      break;
    }
    if (chosen) break;
    if (all) return false;
    changed_.wait(lock);
  }
  lock.unlock();
  chosen->transfer->run(job, connection);
  lock.lock();
  changed_.notify_all();
  return true;
}

void TransferPool::work(HubConnection& connection) {
  try {
    while (step(connection)) {
    }
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    setting_.stop = true;
  }
  changed_.notify_all();
}

uint64_t TransferPool::run() {
  if (entries_.empty()) return 0;
  check_space();
  size_t parts = 0;
  for (const Entry& entry : entries_) parts += 1 + entry.file.size / PartialFile::kSegment;
  std::vector<std::thread> threads;
  const auto help = [this] {
    try {
      HubConnection own(connection_.settings());
      work(own);
    } catch (...) {
      return;  // no memory for one more connection: the others do its work
    }
  };
  for (size_t i = 1; i < std::min(parts, kMostThreads); ++i) {
    try {
      threads.emplace_back(help);
    } catch (const std::exception&) {
      break;  // no threads or memory to be had: those there are do the work
    }
  }
  work(connection_);
  for (std::thread& thread : threads) thread.join();
  std::vector<Entry> entries = std::move(entries_);
  entries_.clear();
  if (failure_) {
    progress("download", 0, 0);  // it is over
    std::rethrow_exception(failure_);
  }
  for (const Entry& entry : entries) {
    cache_.link(setting_.commit, entry.file.path, entry.file.hash, connection_.settings().symlinks);
  }
  return static_cast<uint64_t>(std::exchange(came_, 0));
}

}  // namespace tern::hub
