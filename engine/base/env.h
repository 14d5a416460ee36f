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
};

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
  /// Populates the pages of a part of a mapping; false when the file does not have them (any more).
  virtual bool populate(const std::byte* data, size_t size) noexcept;
  virtual void unmap(FileMapping mapping) noexcept;
  /// Gives back the physical pages that lie wholly inside [data, data + size); they are read again
  /// from the file when touched.
  virtual void drop_pages(const std::byte* data, size_t size) noexcept;
  /// Writes a temporary file beside `path`, syncs it and renames it over `path`.
  virtual void write_file_atomic(const std::string& path, std::span<const std::byte> content);
  virtual std::vector<std::string> list_directory(const std::string& path);
  /// The absolute path of an existing file with every symbolic link, "." and ".." resolved.
  virtual std::string real_path(const std::string& path);
  virtual std::optional<std::string> variable(const char* name);
  /// CPUs this process may use: affinity mask, lowered by the cgroup's cpu quota (rounded up), ≥ 1.
  virtual int usable_cpus();
  /// True when a cgroup quota limits CPU time: then waiting threads must not spin.
  virtual bool cpu_quota();
  virtual std::chrono::steady_clock::time_point now();
};

/// The Env in force. set_env is for tests; nullptr restores the real one.
TERN_API Env& env();
TERN_API void set_env(Env* replacement);

}  // namespace tern
