// SPDX-License-Identifier: Apache-2.0
// PackedFile: runs of bytes by name that were made from weight files once and that every later
// process maps: one file of the packed cache, in safetensors' form, each run a U8 tensor at a
// multiple of kAlignment. The folder is its owner's alone; files come into it by rename (two
// processes that make the same one: the last stays) and are never written to again. Called by
// models/packed_cache.cpp.
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

/// SHA-256 of the file at `path`, in hexadecimal; empty when it is not the one that `before` told
/// of any more, or changed so lately that its times might not tell of another change. Kept in
/// `folder` by device and inode, and taken from there as long as size, mtime and ctime are the
/// same.
TERN_API std::string content_hash(const std::string& path, const FileInfo& before,
                                  const std::string& folder);

class TERN_API PackedFile {
 public:
  /// `folder`/`key`.safetensors as far as it is there. One that is no such file gives a warning and
  /// counts as absent.
  PackedFile(std::string folder, std::string_view key);

  /// Empty when there is none of this name. The bytes hold the mapping.
  StorageRef find(const std::string& name) const;
  /// Publishes a file with the runs of this one and `more`, whose sizes are multiples of
  /// kAlignment. io, denied: the system's reason; nothing has changed then.
  void add(const std::map<std::string, StorageRef>& more) const;

 private:
  std::string folder_, name_;
  std::map<std::string, StorageRef> runs_;
};

}  // namespace tern::hub
