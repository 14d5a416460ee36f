// SPDX-License-Identifier: Apache-2.0
// Every call to the operating system goes through an Env, so that a test can make the k-th one
// fail. Functions throw Error (io, not_found, denied, out_of_memory) that names the path and what
// the system said. The default Env is the real system; it is stateless and thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api.h"

namespace tern {

/// A file mapped read-only. The bytes stay valid after rename or unlink of the file.
struct FileMapping {
  const std::byte* data = nullptr;
  size_t size = 0;
};

struct FileInfo {
  bool exists = false;
  bool directory = false;
  bool special = false;  // a pipe, socket or device: opening it may block
  uint64_t size = 0;
  uint64_t device = 0, inode = 0;
  int64_t mtime_ns = 0;
  bool link = false;     // a symbolic link, which only link_info tells
  int64_t ctime_ns = 0;  // of the last change to content, name or permissions: no program sets it

  bool operator==(const FileInfo&) const = default;
};

/// How Env::open_file opens: none of them follows a symbolic link at the end of the path.
enum class OpenMode {
  read,
  update,  // read and write a file that is there
  create,  // read and write a new one, permissions 0600; an Error when the name is taken
  lock,    // write, made if need be
};

enum class LockState { taken, busy, unavailable };

class TERN_API Env {
 public:
  virtual ~Env() = default;

  virtual FileInfo stat(const std::string& path);
  /// Whole content; invalid_argument when the file is larger than `limit`.
  virtual std::string read_file(const std::string& path, uint64_t limit);
  /// Maps the file and, when asked, populates its pages (MADV_POPULATE_READ; not when the file is
  /// larger than half the memory), so that a file truncated by then is an Error instead of SIGBUS.
  /// One truncated later still raises SIGBUS on access. Populating costs 0.02 to 0.2 ms per MB of
  /// page cache, about what touching the pages one by one would.
  virtual FileMapping map_file(const std::string& path, bool populate = true);
  /// Zeroed pages of no file, to write to; unmap gives them back.
  virtual FileMapping map_memory(size_t size);
  /// Populates the pages of a part of a mapping; false when the file does not have them (any more).
  virtual bool populate(const std::byte* data, size_t size) noexcept;
  /// Asks for the pages of a part of a mapping, which come while the caller goes on.
  virtual void prefetch(const std::byte* data, size_t size) noexcept;
  virtual void unmap(FileMapping mapping) noexcept;
  /// Gives back the physical pages that lie wholly inside [data, data + size); they are read again
  /// from the file when touched.
  virtual void drop_pages(const std::byte* data, size_t size) noexcept;
  /// Writes a temporary file beside `path`, syncs it and renames it over `path`.
  virtual void write_file_atomic(const std::string& path, std::span<const std::byte> content);

  // For the hub cache: files that grow piece by piece, names, locks. `path` is for messages.
  virtual int open_file(const std::string& path, OpenMode mode);
  virtual void close_file(int file) noexcept;
  virtual void write_at(int file, const std::string& path, std::span<const std::byte> bytes,
                        uint64_t offset);
  /// Bytes read: fewer than asked for only at the end of the file.
  virtual size_t read_at(int file, const std::string& path, std::span<std::byte> bytes,
                         uint64_t offset);
  virtual void resize_file(int file, const std::string& path, uint64_t size);
  /// Makes the content durable and gives the file the permissions of new files.
  virtual void sync_file(int file, const std::string& path);
  /// flock, which ends with close_file or the process; unavailable where the file system has none.
  virtual LockState try_lock(int file, const std::string& path);
  /// Replaces `to`, durably.
  virtual void rename_file(const std::string& from, const std::string& to);
  /// A file or a link; one that is not there is no error.
  virtual void remove_file(const std::string& path);
  /// An empty folder. False when it is not empty.
  virtual bool remove_directory(const std::string& path);
  /// One folder; false when something of that name is there already.
  virtual bool make_directory(const std::string& path);
  /// The file counts as written now; nothing happens where that is not allowed.
  virtual void touch(const std::string& path) noexcept;
  /// Permissions of a folder become 0700.
  virtual void make_private(const std::string& path);
  virtual void make_link(const std::string& target, const std::string& path);
  /// Where a symbolic link points, as it is written; nullopt when `path` is none.
  virtual std::optional<std::string> read_link(const std::string& path);
  /// As stat, of a symbolic link itself.
  virtual FileInfo link_info(const std::string& path);
  /// Bytes that this user may still write to the file system of `path`.
  virtual uint64_t free_space(const std::string& path);
  virtual void sleep_for(std::chrono::milliseconds time);
  virtual int64_t process_id();
  virtual bool process_runs(int64_t id);

  virtual std::vector<std::string> list_directory(const std::string& path);
  /// The absolute path of an existing file with every symbolic link, "." and ".." resolved.
  virtual std::string real_path(const std::string& path);
  virtual std::optional<std::string> variable(const char* name);
  /// CPUs this process may use: affinity mask, lowered by the cgroup's cpu quota (rounded up), ≥ 1.
  virtual int usable_cpus();
  /// True when a cgroup quota limits CPU time: then waiting threads must not spin.
  virtual bool cpu_quota();
  virtual std::chrono::steady_clock::time_point now();
  /// Nanoseconds since 1970, which FileInfo::mtime_ns counts.
  virtual int64_t wall_time_ns();
};

/// The Env in force. set_env is for tests; nullptr restores the real one.
TERN_API Env& env();
TERN_API void set_env(Env* replacement);

}  // namespace tern
