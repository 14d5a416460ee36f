// SPDX-License-Identifier: Apache-2.0
// RepoCache: one repository's folder in the hub cache, for writing, as huggingface_hub lays it out:
//   models--org--name/blobs/<hash>               the content
//   models--org--name/snapshots/<commit>/<path>  a relative link to its blob (a copy without links)
//   models--org--name/refs/<revision>            the commit, as text
//   models--org--name/.no_exist/<commit>/<path>  empty: known not to be in the repository
//   .locks/models--org--name/<hash>.lock         flock, held while the blob is written
// Below models--org--name every folder must be a folder: through a link nothing is written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../engine/base/confined.h"
#include "../engine/base/env.h"

namespace tern::hub {

/// A descriptor that is closed with the object.
class OpenedFile {
 public:
  OpenedFile(const std::string& path, OpenMode mode) : file_(env().open_file(path, mode)) {}
  OpenedFile(OpenedFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(OpenedFile&&) = delete;
  ~OpenedFile() {
    if (file_ >= 0) env().close_file(file_);
  }
  int operator*() const noexcept { return file_; }

 private:
  int file_;
};

class RepoCache {
 public:
  RepoCache(const std::string& cache_dir, const std::string& id);

  const std::string& folder() const noexcept { return folder_; }
  std::string blob_path(std::string_view hash) const;
  /// A regular file of that size is there; denied when something else is.
  bool has_blob(std::string_view hash, uint64_t size) const;
  /// snapshots/<commit>/<path> leads to this blob, which is there, or is a copy of that size.
  bool has_link(const std::string& commit, const std::string& path, std::string_view hash,
                uint64_t size) const;

  /// Makes the folders of the cache and the repository.
  void prepare() const;
  /// The right to write a blob, given back with the object; nullopt when another process or thread
  /// has it. Best effort: some file systems' locks always succeed. What is published is right
  /// without it, only the same bytes may come twice.
  std::optional<OpenedFile> try_lock(std::string_view hash) const;
  void link(const std::string& commit, const std::string& path, std::string_view hash,
            bool symlinks) const;
  void write_ref(const std::string& revision, const std::string& commit) const;
  /// The commit that refs/<revision> holds now.
  std::optional<std::string> read_ref(const std::string& revision) const;
  void mark_absent(const std::string& commit, const std::string& path) const;
  /// Removes what downloads that ended early left behind more than a day ago.
  void remove_strays() const;

 private:
  /// Makes the folders of `relative` below the repository's; denied when one is something else.
  std::string make_folders(std::string_view relative) const;
  void copy_blob(std::string_view hash, const std::string& path) const;

  std::string cache_dir_, id_, folder_, locks_;
  std::shared_ptr<const ConfinedFolder> confined_, confined_locks_;
};

/// A name that is not used yet: `stem` and 8 hexadecimal digits.
std::string unused_name(const std::string& stem, std::string_view ending);

}  // namespace tern::hub
