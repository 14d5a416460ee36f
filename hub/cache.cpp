// SPDX-License-Identifier: Apache-2.0
#include "cache.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "../engine/base/bytes.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "cache_layout.h"
#include "formats/safetensors_header.h"

namespace tern::hub {

namespace {

constexpr int64_t kDay = int64_t{86'400} * 1'000'000'000;
constexpr uint64_t kMostRef = 1024;
constexpr size_t kCopyPiece = 1 << 20;

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// The folders above the repository's are the user's: their links are followed.
void make_own_folders(const std::string& path) {
  for (size_t at = 1; at < path.size(); ++at) {
    at = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(0, at);
    if (!env().stat(part).exists) env().make_directory(part);
  }
}

void write_text(const std::string& path, std::string_view text) {
  env().write_file_atomic(path, as_bytes(text));
}

/// Removes what a failed call made under a temporary name.
struct Temporary {
  std::string path;
  bool keep = false;
  ~Temporary();
};

/// Only speed and tidiness hang on it.
template <class Call>
void try_to(Call call) {
  try {
    call();
  } catch (const Error&) {
    return;
  }
}

Temporary::~Temporary() {
  if (!keep) try_to([this] { env().remove_file(path); });
}

}  // namespace

std::string unused_name(const std::string& stem, std::string_view ending) {
  static std::atomic<uint64_t> counter{0};
  while (true) {
    uint64_t mixed = static_cast<uint64_t>(env().wall_time_ns()) +
                     (static_cast<uint64_t>(env().process_id()) << 40) +
                     0x9e3779b97f4a7c15 * counter.fetch_add(1, std::memory_order_relaxed);
    mixed = (mixed ^ mixed >> 33) * 0xff51afd7ed558ccd;
    mixed ^= mixed >> 29;
    std::string name = stem;
    for (int i = 0; i < 8; ++i) name += "0123456789abcdef"[mixed >> (4 * i) & 15];
    name += ending;
    if (!env().link_info(name).exists) return name;
  }
}

RepoCache::RepoCache(const std::string& cache_dir, const std::string& id)
    : cache_dir_(cache_dir),
      id_(id),
      folder_(cat(cache_dir, "/", repo_folder_name(id))),
      locks_(cat(cache_dir, "/.locks/", repo_folder_name(id))),
      confined_(std::make_shared<const ConfinedFolder>(folder_)),
      confined_locks_(std::make_shared<const ConfinedFolder>(locks_)) {}

std::string RepoCache::blob_path(std::string_view hash) const {
  return cat(folder_, "/blobs/", hash);
}

bool RepoCache::has_blob(std::string_view hash, uint64_t size) const {
  const FileInfo info = env().link_info(blob_path(hash));
  if (info.directory || info.special || info.link) {
    fail(ErrorCode::denied, cat(id_, ": ", blob_path(hash), " is no regular file: remove it"));
  }
  return info.exists && info.size == size;
}

bool RepoCache::has_link(const std::string& commit, const std::string& path, std::string_view hash,
                         uint64_t size) const {
  const std::string at = cat(folder_, "/snapshots/", commit, "/", path);
  const FileInfo info = env().link_info(at);
  if (!info.link) return info.exists && !info.directory && !info.special && info.size == size;
  if (!has_blob(hash, size)) return false;
  const FileInfo end = env().stat(at), blob = env().link_info(blob_path(hash));
  return end.exists && end.device == blob.device && end.inode == blob.inode;
}

void RepoCache::prepare() const {
  make_own_folders(folder_);
  make_own_folders(locks_);
  const std::string tag = cache_dir_ + "/CACHEDIR.TAG";
  if (!env().link_info(tag).exists) {
    try_to([&] {
      write_text(tag,
                 "Signature: 8a477f597d28d172789f06886806bc55\n"
                 "# The Hugging Face cache; see https://bford.info/cachedir/\n");
    });
  }
  make_folders("blobs");
}

std::string RepoCache::make_folders(std::string_view relative) const {
  std::string path = folder_;
  while (!relative.empty()) {
    const size_t slash = std::min(relative.find('/'), relative.size());
    path += cat("/", relative.substr(0, slash));
    relative.remove_prefix(std::min(slash + 1, relative.size()));
    if (env().make_directory(path)) continue;
    if (!env().link_info(path).directory) {
      fail(ErrorCode::denied, cat(id_, ": ", path,
                                  " is no folder, and nothing is written through a "
                                  "link or over a file: remove it"));
    }
  }
  return path;
}

std::optional<OpenedFile> RepoCache::try_lock(std::string_view hash) const {
  const std::string path = cat(locks_, "/", hash, ".lock");
  OpenedFile file(path, OpenMode::lock);
  if (env().try_lock(*file, path) == LockState::busy) return std::nullopt;
  return file;
}

void RepoCache::link(const std::string& commit, const std::string& path, std::string_view hash,
                     bool symlinks) const {
  const std::string name = cat("snapshots/", commit, "/", path);
  make_folders(parent_of(name));
  const std::string at = cat(folder_, "/", name);
  std::string target;
  for (size_t ups = static_cast<size_t>(std::count(name.begin(), name.end(), '/')); ups > 0;
       --ups) {
    target += "../";
  }
  target += cat("blobs/", hash);
  if (env().read_link(at) == target) return;
  if (env().link_info(at).directory) {
    fail(ErrorCode::denied, cat(id_, ": ", at, " is a folder where a file belongs: remove it"));
  }
  if (symlinks) {
    Temporary temporary{.path = unused_name(cat(folder_, "/blobs/"), ".link.incomplete")};
    bool made = true;
    try {
      env().make_link(target, temporary.path);
    } catch (const Error&) {
      made = false;  // a file system without links
    }
    if (made) {
      env().rename_file(temporary.path, at);
      temporary.keep = true;
      return;
    }
  }
  copy_blob(hash, at);
}

void RepoCache::copy_blob(std::string_view hash, const std::string& path) const {
  const std::string from = blob_path(hash);
  const OpenedFile in(from, OpenMode::read);
  Temporary temporary{.path = unused_name(cat(folder_, "/blobs/"), ".copy.incomplete")};
  const OpenedFile out(temporary.path, OpenMode::create);
  std::vector<std::byte> piece(kCopyPiece);
  for (uint64_t at = 0;;) {
    const size_t got = env().read_at(*in, from, piece, at);
    if (got == 0) break;
    env().write_at(*out, temporary.path, std::span(piece).first(got), at);
    at += got;
  }
  env().sync_file(*out, temporary.path);
  env().rename_file(temporary.path, path);
  temporary.keep = true;
}

void RepoCache::write_ref(const std::string& revision, const std::string& commit) const {
  if (read_ref(revision) == commit) return;
  const std::string name = cat("refs/", revision);
  make_folders(parent_of(name));
  const std::string path = cat(folder_, "/", name);
  if (env().link_info(path).directory) {
    fail(ErrorCode::denied, cat(id_, ": ", path, " is a folder where a ref belongs: remove it"));
  }
  write_text(path, commit);
}

std::optional<std::string> RepoCache::read_ref(const std::string& revision) const {
  const std::string path = cat(folder_, "/refs/", revision);
  const FileInfo info = env().link_info(path);
  const bool file = info.exists && !info.directory && !info.special && !info.link;
  if (!file || info.size > kMostRef) return std::nullopt;
  std::string text = env().read_file(path, kMostRef);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (!is_commit_hash(text)) return std::nullopt;
  return text;
}

void RepoCache::mark_absent(const std::string& commit, const std::string& path) const {
  try_to([&] {
    const std::string name = cat(".no_exist/", commit, "/", path);
    make_folders(parent_of(name));
    const std::string at = cat(folder_, "/", name);
    if (!env().link_info(at).exists) write_text(at, "");
  });
}

void RepoCache::remove_strays() const {
  const auto remove_if_old = [](const std::string& path) {
    const FileInfo info = env().link_info(path);
    if (env().wall_time_ns() - info.mtime_ns > kDay) env().remove_file(path);
  };
  try_to([&] {
    const std::string blobs = folder_ + "/blobs";
    for (const std::string& name : env().list_directory(blobs)) {
      // One that cannot be removed does not keep the others.
      if (name.ends_with(".incomplete")) try_to([&] { remove_if_old(cat(blobs, "/", name)); });
    }
  });
}

}  // namespace tern::hub
