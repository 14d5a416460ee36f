// SPDX-License-Identifier: Apache-2.0
// The journal: 16 bytes of magic, 40 of the machine's boot id, the segment's size, then the bytes
// done of each segment; integers of 8 bytes, little-endian.
#include "partial_file.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern::hub {

namespace {

constexpr std::string_view kMagic = "tern partial 2\n";
constexpr size_t kBootAt = 16, kBootSize = 40, kSegmentAt = 56, kHeader = 64;
// A writer that lives writes more often: a silent connection is given up before.
constexpr int64_t kAbandoned = int64_t{120} * 1'000'000'000;

/// Differs between machines, and between the starts of one.
std::string boot_id() {
  std::string id;
  try {
    id = env().read_file("/proc/sys/kernel/random/boot_id", 64);
  } catch (const Error&) {
    id = "unknown";
  }
  id.resize(kBootSize, '\0');
  return id;
}

/// A name for the file of `process`: `stem` is the blob's path and a dot.
std::string name_for(const std::string& stem, int64_t process) {
  return unused_name(cat(stem, process, "."), ".incomplete");
}

/// The process that a name, less the blob's hash and a dot, says; nullopt when it is of no partial
/// file of ours.
std::optional<int64_t> process_in(std::string_view name) {
  int64_t process = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  const bool ours = error == std::errc() && process >= 0 && name.size() == 20 &&
                    name.starts_with('.') && name.ends_with(".incomplete");
  return ours ? std::optional(process) : std::nullopt;
}

Bytes bytes_of(const uint64_t& number) {
  return std::as_bytes(std::span(&number, 1));
}

}  // namespace

PartialFile::PartialFile(const RepoCache& cache, const std::string& hash, uint64_t size)
    : size_(size) {
  for (uint64_t at = 0; at < size || at == 0; at += kSegment) {
    segments_.push_back(std::make_unique<Segment>(at, std::min(size, at + kSegment)));
  }
  file_ = claim(cache, hash);
  const bool fresh = file_ < 0;
  if (fresh) {
    path_ = name_for(cache.blob_path(hash) + ".", env().process_id());
    file_ = env().open_file(path_, OpenMode::create);
  }
  try {
    static_cast<void>(env().try_lock(file_, path_));
    env().resize_file(file_, path_, size_ + kHeader + 8 * segments_.size());
    write_header();
    for (size_t i = 0; i < segments_.size(); ++i) record(i);
  } catch (...) {
    env().close_file(file_);
    if (fresh) discard();
    throw;
  }
}

PartialFile::~PartialFile() {
  if (!finished_) {
    try {
      // <blob>.<process>.<8 hex>.incomplete
      const size_t stem = path_.rfind('.', path_.size() - sizeof ".01234567.incomplete") + 1;
      env().rename_file(path_, name_for(path_.substr(0, stem), 0));
    } catch (const std::exception&) {
      finished_ = true;  // it stays as if its writer had died
    }
  }
  env().close_file(file_);
}

int PartialFile::claim(const RepoCache& cache, const std::string& hash) {
  const std::string stem = cache.blob_path(hash) + ".";
  const size_t hash_size = hash.size() + 1;
  for (const std::string& name : env().list_directory(cache.folder() + "/blobs")) {
    if (!name.starts_with(hash + ".")) continue;
    const auto process = process_in(std::string_view(name).substr(hash_size));
    if (!process) continue;
    path_ = stem + name.substr(hash_size);
    const FileInfo info = env().link_info(path_);
    const uint64_t expected = size_ + kHeader + 8 * segments_.size();
    if (!info.exists || info.link || info.directory || info.special || info.size != expected)
      continue;
    int file = -1;
    try {
      file = env().open_file(path_, OpenMode::update);
      if (env().try_lock(file, path_) != LockState::busy &&
          read_journal(file, *process, info.mtime_ns)) {
        // Nothing is written before: by now it may be somebody else's, or the blob.
        std::string own = name_for(stem, env().process_id());
        env().rename_file(path_, own);
        path_ = std::move(own);
        return file;
      }
    } catch (const Error&) {
      for (const auto& segment : segments_) segment->done = 0;  // claimed or published meanwhile
    }
    if (file >= 0) env().close_file(file);
  }
  return -1;
}

/// Whether its writer, `process`, is gone and left something to go on with.
bool PartialFile::read_journal(int file, int64_t process, int64_t mtime_ns) {
  std::vector<std::byte> journal(kHeader + 8 * segments_.size());
  if (env().read_at(file, path_, journal, size_) != journal.size()) return false;
  if (!as_text(journal).starts_with(kMagic)) return false;
  const bool here = as_text(journal).substr(kBootAt, kBootSize) == boot_id();
  const bool gone = process == 0 || (here && !env().process_runs(process));
  if (!gone && env().wall_time_ns() - mtime_ns <= kAbandoned) return false;
  ByteReader reader{Bytes(journal).subspan(kSegmentAt)};
  if (reader.read<uint64_t>() != kSegment) return false;
  for (const auto& segment : segments_) {
    segment->done = std::min(reader.read<uint64_t>().value_or(0), segment->size());
  }
  return true;
}

void PartialFile::write_header() {
  std::string header(kMagic);
  header.resize(kBootAt, '\0');
  header += boot_id();
  header.append(reinterpret_cast<const char*>(&kSegment), sizeof kSegment);
  env().write_at(file_, path_, as_bytes(header), size_);
}

void PartialFile::record(size_t i) {
  const uint64_t done = segments_[i]->done.load(std::memory_order_relaxed);
  env().write_at(file_, path_, bytes_of(done), size_ + kHeader + 8 * i);
}

uint64_t PartialFile::done() const noexcept {
  uint64_t sum = 0;
  for (const auto& segment : segments_) sum += segment->done.load(std::memory_order_relaxed);
  return sum;
}

uint64_t PartialFile::contiguous() const noexcept {
  for (const auto& segment : segments_) {
    const uint64_t done = segment->done.load(std::memory_order_acquire);
    if (done < segment->size()) return segment->begin + done;
  }
  return size_;
}

void PartialFile::write(size_t i, Bytes bytes) {
  Segment& target = *segments_[i];
  const uint64_t done = target.done.load(std::memory_order_relaxed);
  if (bytes.size() > target.size() - done) {
    fail(ErrorCode::internal, cat(path_, ": more bytes than its segment holds"));
  }
  env().write_at(file_, path_, bytes, target.begin + done);
  target.done.store(done + bytes.size(), std::memory_order_release);
  record(i);
}

void PartialFile::forget(size_t i) {
  segments_[i]->done.store(0, std::memory_order_relaxed);
  record(i);
}

size_t PartialFile::read(std::span<std::byte> bytes, uint64_t offset) const {
  return env().read_at(file_, path_, bytes, offset);
}

void PartialFile::publish(const std::string& blob) {
  env().resize_file(file_, path_, size_);
  finished_ = true;  // without its journal it is nothing to go on with
  try {
    env().sync_file(file_, path_);
    env().rename_file(path_, blob);
  } catch (const Error&) {
    env().remove_file(path_);
    throw;
  }
}

void PartialFile::discard() noexcept {
  finished_ = true;
  try {
    env().remove_file(path_);
  } catch (const Error&) {
    return;  // a stray, removed another day
  }
}

}  // namespace tern::hub
