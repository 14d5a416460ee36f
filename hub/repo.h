// SPDX-License-Identifier: Apache-2.0
// Repo: where a model's files come from: a local folder, a snapshot in the Hugging Face cache
// ($HF_HUB_CACHE/models--org--name/snapshots/<commit>/), or bytes in memory. Names inside a repo
// are plain relative paths ("1_Pooling/config.json"); anything else is Error denied. Immutable.
// Symbolic links: a folder the user names is the user's own, so its links are followed wherever
// they lead, as Transformers does. In the cache, whose content came from the net, a file must lie
// inside models--org--name/ once its links are resolved (snapshots link to ../../blobs/<hash>);
// else denied.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/base/confined.h"
#include "../engine/base/storage.h"

namespace tern::hub {

/// Which weight files a download takes: never more than one form.
enum class WeightFiles {
  automatic,  // safetensors, else PyTorch's
  safetensors,
  pytorch,
  tensorflow,
  flax,
  none,  // configs, tokenizers and templates only
};

struct RepoOptions {
  std::string revision = "main";
  /// A GGUF file of the repository, whose metadata stand in for the files of tokenizers and
  /// configs.
  std::string gguf_file = {};
  /// Overrides HF_HUB_CACHE / HF_HOME / XDG_CACHE_HOME.
  std::string cache_dir = {};
  std::string subfolder = {};
  /// Access token, before HF_TOKEN and the token file.
  std::string token = {};
  /// Only what the cache has; HF_HUB_OFFLINE=1 says it for all.
  bool local_files_only = false;
  bool force_download = false;
  WeightFiles weights = WeightFiles::automatic;
  /// "fp16": model.fp16.safetensors where there is one.
  std::string variant = {};
};

class TERN_API Repo {
 public:
  /// `id_or_path`: an existing folder, else "org/name" (or "name") in the cache, where the revision
  /// is a commit hash, branch or tag. The hub is asked whether the revision has moved, and what is
  /// missing is downloaded (download.h), unless local_files_only, HF_HUB_OFFLINE, or a commit hash
  /// whose files are there; when the hub cannot be reached, what the cache has is used. not_found
  /// says which places were looked at and what to do; denied is for ids, revisions and refs that
  /// name another place.
  static Repo open(const std::string& id_or_path, const RepoOptions& options = {});
  /// Files by name, as bytes in memory (kept alive by their storage).
  static Repo from_memory(std::map<std::string, StorageRef> files, std::string name = "<memory>");

  /// As given: for messages.
  const std::string& name() const noexcept { return name_; }
  bool exists(std::string_view file) const;
  /// Whole small file as text (≤ 512 MB); not_found names the repo and file.
  std::string read(std::string_view file) const;
  std::optional<std::string> read_if_exists(std::string_view file) const;
  /// The bytes, mapped when on disk. Without `populate` pages are read when they are touched.
  StorageRef map(std::string_view file, bool populate = true) const;
  /// For messages and the info verb: the path on disk, or the name for memory.
  std::string path(std::string_view file) const;
  /// The files lie on a disk, not in memory.
  bool on_disk() const noexcept { return !memory_; }
  /// Names of all files, sorted, relative; without .git and .cache. Bounded: 16 folders deep and
  /// 100000 entries, beyond which it is invalid_argument.
  std::vector<std::string> list() const;
  /// Of the same folders, the links that lead nowhere, which list() leaves out.
  std::vector<std::string> broken_links() const;
  uint64_t size(std::string_view file) const;

 private:
  std::string name_;
  /// The path to open: checks the name and, in the cache, where links lead.
  std::string resolve(std::string_view file) const;
  const StorageRef* in_memory(std::string_view file) const;
  [[noreturn]] void fail_missing(std::string_view file) const;
  static Repo open_cached(const std::string& id, const RepoOptions& options);

  std::string root_;      // folder, empty for memory
  std::string boundary_;  // resolved folder that no file may leave, empty when any may
  std::shared_ptr<const ConfinedFolder> confined_;  // that one
  std::shared_ptr<const std::map<std::string, StorageRef>> memory_;
};

/// The Hugging Face hub cache folder by HF's rules: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE,
/// HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub.
TERN_API std::string hub_cache_dir();

/// True for a plain relative path: no empty, "." or ".." part, no leading '/', no NUL, no
/// backslash, no part above 255 bytes.
TERN_API bool safe_relative_path(std::string_view path) noexcept;

}  // namespace tern::hub
