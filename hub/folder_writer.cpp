// SPDX-License-Identifier: Apache-2.0
#include "folder_writer.h"

#include <algorithm>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "repo.h"

namespace tern::hub {

namespace {

constexpr std::string_view kStaging = ".saving.";
constexpr const char* kLock = "/.lock";
constexpr uint64_t kLargestSmall = uint64_t{512} << 20;  // of a file that is put back as it was

template <class Call>
void try_to(Call call) noexcept {
  try {
    call();
  } catch (const std::exception&) {
    return;
  }
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void make_folders(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    const FileInfo info = env().stat(part);
    if (info.exists && !info.directory) {
      fail(ErrorCode::invalid_argument,
           cat(part, " is a file: name a folder, which is made if need be"));
    }
    if (!info.exists) env().make_directory(part);
  }
}

/// A folder of files and one level of folders with files; links are removed, not followed. Its lock
/// goes last, for without one the next writer would leave the folder alone.
void remove_folder(const std::string& path, int depth = 0) {
  for (const std::string& name : env().list_directory(path)) {
    const std::string inner = cat(path, "/", name);
    if (inner == path + kLock) continue;
    if (env().link_info(inner).directory && depth == 0) {
      remove_folder(inner, depth + 1);
    } else {
      env().remove_file(inner);
    }
  }
  env().remove_file(path + kLock);
  env().remove_directory(path);
}

/// What has been done to the target, to be undone in reverse when the next step fails.
class Undo {
 public:
  ~Undo() {
    if (complete_) try_to([this] { done_ = done_ || complete_(); });
    for (; !done_ && !steps_.empty(); steps_.pop_back()) try_to(steps_.back());
  }
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void keep() noexcept { done_ = true; }
  void keep_once(std::function<bool()> complete) { complete_ = std::move(complete); }

 private:
  std::vector<std::function<void()>> steps_;
  std::function<bool()> complete_;
  bool done_ = false;
};

}  // namespace

FolderWriter::FolderWriter(const std::string& folder) : folder_(without_slashes(folder)) {
  if (folder_.empty()) fail(ErrorCode::invalid_argument, "the folder to save to has no name");
  const FileInfo info = env().stat(folder_);
  if (info.exists && !info.directory) {
    fail(ErrorCode::invalid_argument,
         cat(folder_, " is a file: name a folder, which is made if need be"));
  }
  new_ = !info.exists;
  const std::string home = new_ ? parent_of(folder_) : folder_;
  if (new_) make_folders(home);
  remove_strays(home);
  make_staging(home);
}

void FolderWriter::make_staging(const std::string& home) {
  constexpr int kTries = 3;  // another writer may take the folder for a stray while it is empty
  for (int left = kTries - 1;; --left) {
    staging_ = unused_name(cat(home, "/", kStaging), "");
    env().make_directory(staging_);
    try {
      lock_.emplace(staging_ + kLock, OpenMode::lock);
      env().try_lock(**lock_, staging_);
      return;
    } catch (const Error& error) {
      try_to([this] { remove_folder(staging_); });
      if (error.code() != ErrorCode::not_found || left == 0) throw;
    }
  }
}

FolderWriter::~FolderWriter() {
  if (!staging_.empty()) try_to([this] { remove_folder(staging_); });
}

/// Whoever writes holds the lock of his folder; one that can be taken is nobody's any more.
void FolderWriter::remove_strays(const std::string& parent) const {
  try_to([&] {
    for (const std::string& name : env().list_directory(parent)) {
      const std::string path = cat(parent, "/", name);
      if (!name.starts_with(kStaging)) continue;
      try_to([&] {
        // Without a lock: nothing came into it, or it was about to be the target.
        if (!env().link_info(path + kLock).exists) {
          env().remove_directory(path);
          return;
        }
        const OpenedFile lock(path + kLock, OpenMode::update);
        if (env().try_lock(*lock, path) == LockState::taken) remove_folder(path);
      });
    }
  });
}

void FolderWriter::need_space(uint64_t bytes) const {
  const uint64_t free = env().free_space(staging_);
  if (bytes <= free) return;
  fail(ErrorCode::io, cat(folder_, ": ", bytes, " bytes are to be written, but the disk has only ",
                          free, " left: free some, or save to another disk"));
}

std::string FolderWriter::staged(std::string_view name) const {
  return cat(staging_, "/", name);
}

std::string FolderWriter::target(std::string_view name) const {
  return cat(folder_, "/", name);
}

void FolderWriter::add(const std::string& name, std::vector<std::string>& list) {
  if (!safe_relative_path(name)) {
    fail(ErrorCode::internal, cat("'", name, "' is no name of a file to save"));
  }
  if (!new_ && env().link_info(target(name)).directory) {
    fail(ErrorCode::invalid_argument,
         cat(target(name), " is a folder where a file is to be saved: remove or rename it"));
  }
  const size_t slash = name.find('/');
  if (slash != std::string::npos) env().make_directory(staged(name.substr(0, slash)));
  list.push_back(name);
}

FolderWriter::File::File(FolderWriter& writer, const std::string& name)
    : writer_(writer), name_(name), path_(writer.staged(name)), file_(path_, OpenMode::create) {}

void FolderWriter::File::append(Bytes bytes) {
  env().write_at(*file_, path_, bytes, size_);
  size_ += bytes.size();
}

void FolderWriter::File::finish() {
  env().sync_file(*file_, path_);
  writer_.unfinished_.erase(name_);
}

FolderWriter::File FolderWriter::begin(const std::string& name) {
  add(name, large_);
  unfinished_.insert(name);
  return {*this, name};
}

void FolderWriter::write(const std::string& name, Bytes content) {
  add(name, small_);
  env().write_file_atomic(staged(name), content);
}

void FolderWriter::replace(const std::string& name) {
  replaced_.push_back(name);
}

std::vector<std::string> FolderWriter::target_files() const {
  return new_ ? std::vector<std::string>() : env().list_directory(folder_);
}

void FolderWriter::publish() {
  if (!unfinished_.empty()) {
    fail(ErrorCode::internal, cat(*unfinished_.begin(), " was not written to its end"));
  }
  if (new_) {
    env().remove_file(staging_ + kLock);
    env().rename_file(staging_, folder_);
    staging_.clear();
    return;
  }
  publish_into();
}

void FolderWriter::publish_into() {
  Undo undo;
  // A rename that fails may have taken place: the folder could not be made durable.
  const auto move = [&](const std::string& from, const std::string& to) {
    undo.add([from, to] {
      if (!env().link_info(from).exists) env().rename_file(to, from);
    });
    env().rename_file(from, to);
  };
  for (const std::string& name : replaced_) {
    const FileInfo info = env().link_info(target(name));
    if (info.exists && !info.directory) move(target(name), staged(cat("old.", name)));
  }
  for (const std::string& name : small_) {
    const std::string path = target(name);
    const size_t slash = name.find('/');
    if (slash != std::string::npos) env().make_directory(target(name.substr(0, slash)));
    std::optional<std::string> old;
    if (env().stat(path).exists) old = env().read_file(path, kLargestSmall);
    undo.add([path, old] {
      if (old) {
        env().write_file_atomic(path, as_bytes(*old));
      } else {
        env().remove_file(path);
      }
    });
    env().rename_file(staged(name), path);
  }
  for (const std::string& name : large_) {
    const bool last = &name == &large_.back();
    // The last one may overwrite: once it is there, all is.
    if (last) undo.keep_once([this, &name] { return !env().link_info(staged(name)).exists; });
    move(staged(name), target(name));
  }
  undo.keep();
}

}  // namespace tern::hub
