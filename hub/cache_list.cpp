// SPDX-License-Identifier: Apache-2.0
#include "cache_list.h"

#include <algorithm>
#include <functional>
#include <set>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "cache.h"
#include "cache_layout.h"
#include "formats/safetensors_header.h"
#include "hash.h"

namespace tern::hub {

namespace {

constexpr size_t kMostEntries = 1'000'000;

bool is_folder(const std::string& path) {
  return env().link_info(path).directory;
}

std::vector<std::string> names_in(const std::string& folder) {
  if (!is_folder(folder)) return {};
  return env().list_directory(folder);
}

/// Everything below a folder, parents before children; links are not followed.
std::vector<std::string> everything_below(const std::string& folder) {
  std::vector<std::string> found = {folder};
  for (size_t i = 0; i < found.size(); ++i) {
    for (const std::string& name : names_in(found[i])) {
      if (found.size() == kMostEntries)
        fail(ErrorCode::unsupported, cat(folder, ": too many files"));
      found.push_back(cat(found[i], "/", name));
    }
  }
  found.erase(found.begin());
  return found;
}

uint64_t remove_below(const std::string& folder) {
  uint64_t freed = 0;
  std::vector<std::string> paths = everything_below(folder);
  std::reverse(paths.begin(), paths.end());
  paths.push_back(folder);
  for (const std::string& path : paths) {
    const FileInfo info = env().link_info(path);
    if (!info.exists) continue;
    if (info.directory) {
      if (!env().remove_directory(path)) {
        fail(ErrorCode::io, cat(path, ": something new lies in it: does a download go on?"));
      }
    } else {
      freed += info.link ? 0 : info.size;
      env().remove_file(path);
    }
  }
  return freed;
}

using Refs = std::vector<std::pair<std::string, std::string>>;

/// refs/<name> → commit, names with folders included.
Refs refs_of(const RepoCache& cache) {
  Refs refs;
  const std::string folder = cache.folder() + "/refs";
  for (const std::string& path : everything_below(folder)) {
    const std::string name = path.substr(folder.size() + 1);
    if (is_folder(path)) continue;
    if (const auto commit = cache.read_ref(name)) refs.emplace_back(name, *commit);
  }
  return refs;
}

/// The blob that a snapshot's entry links to; empty for a copy.
std::string blob_name(const std::string& path) {
  const auto target = env().read_link(path);
  return target ? target->substr(target->rfind('/') + 1) : "";
}

std::string id_of(std::string_view folder_name) {
  folder_name.remove_prefix(std::string_view("models--").size());
  const size_t dashes = folder_name.find("--");
  if (dashes == std::string_view::npos) return std::string(folder_name);
  return cat(folder_name.substr(0, dashes), "/", folder_name.substr(dashes + 2));
}

CachedRevision revision_of(const RepoCache& cache, const std::string& commit, const Refs& refs) {
  CachedRevision revision{.commit = commit, .refs = {}};
  for (const std::string& path : everything_below(cat(cache.folder(), "/snapshots/", commit))) {
    const FileInfo info = env().stat(path);
    if (!info.exists || info.directory) continue;
    ++revision.files;
    revision.bytes += info.size;
  }
  for (const auto& [name, target] : refs) {
    if (target == commit) revision.refs.push_back(name);
  }
  return revision;
}

/// "" when the blob's content has the hash that is its name.
std::string blob_problem(const std::string& path, const std::string& name, uint64_t size,
                         const std::function<void(uint64_t)>& read) try {
  const std::string hash = hash_file(path, hash_kind(name), size, read);
  return hash == name ? "" : cat("its content has the hash ", hash);
} catch (const Error& error) {
  return error.what();  // a disk that cannot read it is what verify is for
}

RepoCache existing(const std::string& cache_dir, const std::string& id) {
  if (const char* problem = repo_id_problem(id)) {
    fail(ErrorCode::invalid_argument, cat(shown_name(id), " is no repository id: ", problem));
  }
  RepoCache cache(cache_dir, id);
  if (!env().stat(cache.folder()).directory) {
    fail(ErrorCode::not_found, cat(id, ": not in the cache ", cache_dir));
  }
  return cache;
}

}  // namespace

std::vector<CachedRepo> list_cache(const std::string& cache_dir) {
  std::vector<CachedRepo> repos;
  if (!env().stat(cache_dir).directory) return repos;
  for (const std::string& name : env().list_directory(cache_dir)) {
    const std::string id = name.starts_with("models--") ? id_of(name) : "";
    if (id.empty() || repo_id_problem(id) || !env().stat(cat(cache_dir, "/", name)).directory)
      continue;
    const RepoCache cache(cache_dir, id);
    CachedRepo repo{.id = id, .folder = cache.folder(), .revisions = {}};
    for (const std::string& blob : names_in(cache.folder() + "/blobs")) {
      const FileInfo info = env().link_info(cache.blob_path(blob));
      (blob.ends_with(".incomplete") ? repo.unfinished : repo.bytes) += info.size;
    }
    const Refs refs = refs_of(cache);
    for (const std::string& commit : names_in(cache.folder() + "/snapshots")) {
      if (is_commit_hash(commit)) repo.revisions.push_back(revision_of(cache, commit, refs));
    }
    repos.push_back(std::move(repo));
  }
  std::sort(repos.begin(), repos.end(),
            [](const CachedRepo& a, const CachedRepo& b) { return a.id < b.id; });
  return repos;
}

CacheVerified verify_cached(const std::string& cache_dir, const std::string& id) {
  const RepoCache cache = existing(cache_dir, id);
  CacheVerified verified;
  const std::string blobs = cache.folder() + "/blobs";
  std::vector<std::pair<std::string, uint64_t>> files;
  uint64_t total = 0;
  for (const std::string& name : names_in(blobs)) {
    if (name.ends_with(".incomplete")) continue;
    const FileInfo info = env().link_info(cat(blobs, "/", name));
    if (!is_hash(name) || info.link || info.directory || info.special) {
      verified.faults.push_back({cat(blobs, "/", name), "is no file that is named by its hash"});
      continue;
    }
    files.emplace_back(name, info.size);
    total += info.size;
  }
  for (const auto& [name, size] : files) {
    const std::string path = cat(blobs, "/", name);
    const std::string problem = blob_problem(path, name, size, [&](uint64_t got) {
      verified.bytes += got;
      if (verified.bytes < total) progress("verify", verified.bytes, total);
    });
    ++verified.files;
    if (!problem.empty()) verified.faults.push_back({path, problem});
  }
  progress("verify", total, total);
  const std::string root = env().real_path(cache.folder());
  for (const std::string& path : everything_below(cache.folder() + "/snapshots")) {
    const FileInfo info = env().link_info(path);
    if (!info.link) continue;
    const bool leads = env().stat(path).exists;
    if (leads && env().real_path(path).starts_with(root + "/blobs/")) continue;
    verified.faults.push_back({path, leads ? "leads out of the model's blobs" : "leads nowhere"});
  }
  return verified;
}

uint64_t remove_cached(const std::string& cache_dir, const std::string& id,
                       const std::string& revision) {
  const RepoCache cache = existing(cache_dir, id);
  if (revision.empty()) return remove_below(cache.folder());
  const auto refs = refs_of(cache);
  std::string commit = revision;
  for (const auto& [name, target] : refs) {
    if (name == revision) commit = target;
  }
  const std::string snapshots = cache.folder() + "/snapshots";
  if (!is_commit_hash(commit) || !is_folder(cat(snapshots, "/", commit))) {
    fail(ErrorCode::not_found, cat(id, ": the cache has no revision ", shown_name(revision)));
  }
  std::set<std::string> mine, others;
  for (const std::string& other : names_in(snapshots)) {
    for (const std::string& path : everything_below(cat(snapshots, "/", other))) {
      (other == commit ? mine : others).insert(blob_name(path));
    }
  }
  for (const auto& [name, target] : refs) {
    if (target == commit) env().remove_file(cat(cache.folder(), "/refs/", name));
  }
  uint64_t freed = remove_below(cat(snapshots, "/", commit));
  remove_below(cat(cache.folder(), "/.no_exist/", commit));
  for (const std::string& blob : mine) {
    if (!is_hash(blob) || others.count(blob) > 0) continue;
    freed += env().link_info(cache.blob_path(blob)).size;
    env().remove_file(cache.blob_path(blob));
  }
  return freed;
}

}  // namespace tern::hub
