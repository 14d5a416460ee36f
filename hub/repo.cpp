// SPDX-License-Identifier: Apache-2.0
#include "repo.h"

#include <algorithm>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "cache_layout.h"
#include "download.h"
#include "formats/safetensors_header.h"
#include "http.h"
#include "settings.h"

namespace tern::hub {

namespace {

constexpr uint64_t kMaxText = uint64_t{512} << 20;
constexpr uint64_t kMaxRef = 1 << 10;
constexpr size_t kMaxListed = 100'000;
constexpr size_t kMaxListDepth = 16;
constexpr size_t kNamesInMessage = 8;

std::string advice(const RepoOptions& options) {
  const char* why = options.local_files_only ? "local_files_only is set, so nothing is downloaded"
                    : hub_offline()          ? "HF_HUB_OFFLINE is set, so nothing is downloaded"
                    : !http_built()          ? "this tern was built without downloads (-Dhub)"
                                             : "the hub was asked";
  return cat(why,
             "; put the repository's files in a folder and pass its path, or into the cache "
             "(HF_HUB_CACHE=… names another one)");
}

void require_safe(std::string_view path, std::string_view repo, std::string_view role) {
  if (safe_relative_path(path)) return;
  fail(ErrorCode::denied,
       cat(shown_name(repo), ": the ", role, " ", shown_name(path), " is no plain relative path"));
}

bool is_folder(const std::string& path) {
  const FileInfo info = env().stat(path);
  return info.exists && info.directory;
}

// Whether an id that is neither a folder nor a repository id was meant as a path.
bool looks_like_path(std::string_view id) noexcept {
  return id.starts_with('/') || id.starts_with("./") || id.starts_with("../") ||
         id.starts_with("~/") || id.ends_with('/') || std::count(id.begin(), id.end(), '/') > 1;
}

void require_repo_id(const std::string& id) {
  const char* problem = repo_id_problem(id);
  if (!problem) return;
  const bool climbs = !id.empty() && !safe_relative_path(id) && !looks_like_path(id);
  const bool inner_climb = id.find("/../") != std::string::npos && !id.starts_with("../");
  const ErrorCode code = climbs || inner_climb ? ErrorCode::denied
                         : looks_like_path(id) ? ErrorCode::not_found
                                               : ErrorCode::invalid_argument;
  fail(code,
       cat(shown_name(id), ": there is no such folder, and it is no repository id: ", problem));
}

// Where `path` leads; denied when that is outside `boundary` (itself resolved).
std::string contained(const std::string& path, const std::string& boundary,
                      const std::string& repo) {
  std::string real = env().real_path(path);
  if (!real.starts_with(boundary + "/")) {
    fail(ErrorCode::denied,
         cat(shown_name(repo), ": ", path, " leads to ", real, ", outside ", boundary));
  }
  return real;
}

// The commit that refs/<revision> holds.
std::string read_ref(const std::string& path, const std::string& id) {
  std::string commit = env().read_file(path, kMaxRef);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
  if (is_commit_hash(commit)) return commit;
  const bool torn = commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  fail(torn ? ErrorCode::corrupt : ErrorCode::denied,
       cat(id, ": ", path, " holds ", shown_name(commit),
           " instead of the 40 hexadecimal digits of a commit: delete it and download again"));
}

// Collects the names below `root`, depth first: of files, and of links that lead nowhere. A folder
// that is its own ancestor through a link is not entered again.
class Listing {
 public:
  Listing(const std::string& root, const std::string& boundary, const std::string& repo)
      : root_(root), boundary_(boundary), repo_(repo) {
    waiting_.push_back({"", 0});
    while (!waiting_.empty()) {
      const Folder folder = std::move(waiting_.back());
      waiting_.pop_back();
      enter(folder);
    }
    std::sort(names_.begin(), names_.end());
    std::sort(broken_.begin(), broken_.end());
  }

  std::vector<std::string> names() && { return std::move(names_); }
  std::vector<std::string> broken() && { return std::move(broken_); }

 private:
  struct Folder {
    std::string relative;
    size_t depth;
  };
  void enter(const Folder& folder);

  const std::string& root_;
  const std::string& boundary_;
  const std::string& repo_;
  std::vector<Folder> waiting_;
  std::vector<std::pair<uint64_t, uint64_t>> ancestors_;  // device and inode, by depth
  std::vector<std::string> names_, broken_;
  size_t seen_ = 0;
};

void Listing::enter(const Folder& folder) {
  const std::string path = folder.relative.empty() ? root_ : cat(root_, "/", folder.relative);
  if (!boundary_.empty()) contained(path, boundary_, repo_);
  const FileInfo self = env().stat(path);
  const std::pair identity(self.device, self.inode);
  ancestors_.resize(folder.depth);
  if (std::find(ancestors_.begin(), ancestors_.end(), identity) != ancestors_.end()) return;
  ancestors_.push_back(identity);
  for (const std::string& name : env().list_directory(path)) {
    if (!safe_relative_path(name) || name == ".git" || name == ".cache") continue;
    if (++seen_ > kMaxListed || folder.depth == kMaxListDepth) {
      fail(ErrorCode::invalid_argument,
           cat(repo_, ": ", path, " has more than ", kMaxListed, " files or ", kMaxListDepth,
               " levels of folders: is it a model's folder?"));
    }
    const std::string relative = folder.relative.empty() ? name : cat(folder.relative, "/", name);
    const FileInfo info = env().stat(cat(root_, "/", relative));
    if (info.directory) {
      waiting_.push_back({relative, folder.depth + 1});
    } else if (!info.exists) {
      broken_.push_back(relative);
    } else if (!info.special) {
      names_.push_back(relative);
    }
  }
}

}  // namespace

Repo Repo::open(const std::string& id_or_path, const RepoOptions& options) {
  if (id_or_path.find('\0') != std::string::npos) {
    fail(ErrorCode::denied, cat(shown_name(id_or_path), ": a zero byte in a repository's name"));
  }
  if (!options.subfolder.empty()) require_safe(options.subfolder, id_or_path, "subfolder");
  const bool local = !id_or_path.empty() && is_folder(id_or_path);
  if (!local) {
    require_repo_id(id_or_path);
    require_safe(options.revision, id_or_path, "revision");
    download_missing(id_or_path, options);
  }
  Repo repo = local ? Repo() : open_cached(id_or_path, options);
  repo.name_ = id_or_path;
  if (local) repo.root_ = id_or_path;
  while (repo.root_.size() > 1 && repo.root_.back() == '/') repo.root_.pop_back();
  if (!options.subfolder.empty()) {
    repo.root_ = repo.resolve(options.subfolder);
    if (!is_folder(repo.root_)) {
      fail(ErrorCode::not_found, cat(id_or_path, ": there is no subfolder ", repo.root_));
    }
  }
  return repo;
}

Repo Repo::open_cached(const std::string& id, const RepoOptions& options) {
  const std::string cache = options.cache_dir.empty() ? hub_cache_dir() : options.cache_dir;
  const std::string folder = cat(cache, "/", repo_folder_name(id));
  std::string commit = options.revision;
  if (!is_commit_hash(commit)) {
    const std::string ref = cat(folder, "/refs/", options.revision);
    const FileInfo info = env().stat(ref);
    if (!info.exists || info.directory || info.special) {
      fail(ErrorCode::not_found,
           cat(id, ": there is no folder of that name, and revision ", shown_name(options.revision),
               " is not in the hub cache (looked for ", ref, "): ", advice(options)));
    }
    commit = read_ref(contained(ref, env().real_path(folder), id), id);
  }
  Repo repo;
  repo.root_ = cat(folder, "/snapshots/", commit);
  if (!is_folder(repo.root_)) {
    fail(ErrorCode::not_found,
         cat(id, ": there is no folder of that name, and commit ", commit,
             " is not in the hub cache (looked for ", repo.root_, "): ", advice(options)));
  }
  repo.boundary_ = env().real_path(folder);
  repo.confined_ = std::make_shared<const ConfinedFolder>(repo.boundary_);
  contained(repo.root_, repo.boundary_, id);
  return repo;
}

Repo Repo::from_memory(std::map<std::string, StorageRef> files, std::string name) {
  for (const auto& [file, storage] : files) {
    require_safe(file, name, "file name");
    if (!storage)
      fail(ErrorCode::invalid_argument, cat(name, ": file '", file, "' has no storage"));
  }
  Repo repo;
  repo.name_ = std::move(name);
  repo.memory_ = std::make_shared<const std::map<std::string, StorageRef>>(std::move(files));
  return repo;
}

const StorageRef* Repo::in_memory(std::string_view file) const {
  const auto found = memory_->find(std::string(file));
  return found == memory_->end() ? nullptr : &found->second;
}

std::string Repo::resolve(std::string_view file) const {
  const std::string path = cat(root_, "/", file);
  if (boundary_.empty() || !env().stat(path).exists) return path;
  return contained(path, boundary_, name_);
}

bool Repo::exists(std::string_view file) const {
  require_safe(file, name_, "file name");
  if (memory_) return in_memory(file) != nullptr;
  const FileInfo info = env().stat(resolve(file));
  return info.exists && !info.directory && !info.special;
}

void Repo::fail_missing(std::string_view file) const {
  std::string there;
  try {
    const std::vector<std::string> names = list();
    for (size_t i = 0; i < names.size() && i < kNamesInMessage; ++i) {
      there += cat(i == 0 ? "" : ", ", names[i]);
    }
    if (names.size() > kNamesInMessage)
      there += cat(" and ", names.size() - kNamesInMessage, " more");
  } catch (const Error& error) {
    there = error.what();  // the missing file is the news, not that the rest cannot be listed
  }
  fail(ErrorCode::not_found, cat(shown_name(name_), ": there is no file ", path(file),
                                 "; there is: ", there.empty() ? "nothing" : there));
}

std::optional<std::string> Repo::read_if_exists(std::string_view file) const {
  if (!exists(file)) return std::nullopt;
  if (!memory_) return env().read_file(resolve(file), kMaxText);
  const StorageRef& storage = *in_memory(file);
  return std::string(reinterpret_cast<const char*>(storage->data()), storage->size());
}

std::string Repo::read(std::string_view file) const {
  auto text = read_if_exists(file);
  if (!text) fail_missing(file);
  return *std::move(text);
}

StorageRef Repo::map(std::string_view file, bool populate) const {
  if (!exists(file)) fail_missing(file);
  return memory_ ? *in_memory(file) : map_storage(resolve(file), populate);
}

uint64_t Repo::size(std::string_view file) const {
  if (!exists(file)) fail_missing(file);
  return memory_ ? (*in_memory(file))->size() : env().stat(resolve(file)).size;
}

std::string Repo::path(std::string_view file) const {
  require_safe(file, name_, "file name");
  return memory_ ? std::string(file) : cat(root_, "/", file);
}

std::vector<std::string> Repo::list() const {
  if (!memory_) return Listing(root_, boundary_, name_).names();
  std::vector<std::string> names;
  for (const auto& [file, storage] : *memory_) names.push_back(file);
  return names;
}

std::vector<std::string> Repo::broken_links() const {
  return memory_ ? std::vector<std::string>() : Listing(root_, boundary_, name_).broken();
}

}  // namespace tern::hub
