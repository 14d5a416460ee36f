// SPDX-License-Identifier: Apache-2.0
// PackedFile: runs of bytes by name that were made from weight files once and that every later
// process maps: one file of the packed cache, in safetensors' form, each run a U8 tensor at a
// multiple of kAlignment. The folder is its owner's alone; files come into it by rename (two
// processes that make the same one: the last stays) and are never written to again; what is left of
// their times is when they were used last. Called by models/packed_cache.cpp and the verb `cache`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/base/env.h"
#include "../engine/base/storage.h"

namespace tern::hub {

/// $TERN_CACHE/packed, else $XDG_CACHE_HOME/tern/packed, else ~/.cache/tern/packed; empty when
/// there is no such place or TERN_PACKED_CACHE is "off".
TERN_API std::string packed_cache_dir();

/// One file of the packed cache.
struct PackedEntry {
  std::string path;
  uint64_t bytes = 0;
  int64_t used_ns = 0;  // since 1970
};

/// The files in `folder`, the least recently used first; none when the folder is not there.
TERN_API std::vector<PackedEntry> list_packed(const std::string& folder);
/// Removes files, the least recently used first, until those that stay have at most `limit` bytes
/// together; never `kept`. Gives what was removed. Processes that have mapped one keep it.
TERN_API uint64_t shrink_packed(const std::string& folder, uint64_t limit,
                                const std::string& kept = {});

/// SHA-256 of the file at `path`, in hexadecimal; empty when it is not the one that `before` told
/// of any more, or changed so lately that its times might not tell of another change. Kept in
/// `folder` by device and inode, and taken from there as long as size, mtime and ctime are the
/// same.
TERN_API std::string content_hash(const std::string& path, const FileInfo& before,
                                  const std::string& folder);

class TERN_API PackedFile {
 public:
  /// `folder`/`key`.safetensors as far as it is there, which counts as used then. One that is no
  /// such file gives a warning and counts as absent.
  PackedFile(std::string folder, std::string_view key);

  /// Empty when there is none of this name. The bytes hold the mapping.
  StorageRef find(const std::string& name) const;
  /// Publishes a file with the runs of this one and `more`, whose sizes are multiples of
  /// kAlignment; then shrinks the folder to `limit` bytes, but keeps this file. io, denied: the
  /// system's reason; nothing has changed then, or this file is there and an older one did not go.
  void add(const std::map<std::string, StorageRef>& more, uint64_t limit) const;

 private:
  std::string folder_, name_;
  std::map<std::string, StorageRef> runs_;
};

}  // namespace tern::hub
