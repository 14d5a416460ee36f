// SPDX-License-Identifier: Apache-2.0
#include "folder_writer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "repo.h"

namespace tern::hub {

namespace {

constexpr std::string_view kStaging = ".saving.";
constexpr const char* kLock = "/.lock";
constexpr const char* kPlan = "/.plan";  // there while files are moved
constexpr std::chrono::milliseconds kPoll{20}, kLongestTurn{60'000};
constexpr uint64_t kLargestPlan = uint64_t{64} << 20, kLargestSmall = uint64_t{512} << 20;

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

}  // namespace

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

namespace {

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

/// The move of one file: from the staging folder into the target, or of the target's own file to
/// "old.<name>" in the staging folder.
struct Move {
  bool in;
  std::string name;
};
using Moved = std::vector<std::pair<std::string, std::string>>;  // from, to

std::string plan_text(const std::vector<Move>& plan) {
  std::string text;
  for (const Move& move : plan) text.append(1, move.in ? '+' : '-').append(move.name) += '\0';
  return text;
}

/// corrupt when it would move what FolderWriter would not: a hostile folder may have one too.
std::vector<Move> read_plan(const std::string& path) {
  const auto refuse = [&] {
    fail(ErrorCode::corrupt, cat(path, ": no plan of files to move: remove the folder it is in"));
  };
  const FileInfo info = env().link_info(path);
  if (info.link || info.special || info.directory) refuse();
  const std::string text = env().read_file(path, kLargestPlan);
  std::vector<Move> plan;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\0', at), text.size());
    plan.push_back({text[at] == '+', text.substr(at + 1, end - at - 1)});
    at = end + 1;
    const std::string& name = plan.back().name;
    if (!safe_relative_path(name) || std::count(name.begin(), name.end(), '/') > 1) refuse();
  }
  return plan;
}

/// Makes the folder of `name` in `home`. denied when it is a link, through which files would go
/// elsewhere.
void make_folder_of(const std::string& home, std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return;
  const std::string folder = cat(home, "/", name.substr(0, slash));
  env().make_directory(folder);
  if (env().link_info(folder).directory) return;
  fail(ErrorCode::denied, cat(folder, " is no folder but a file or a link: remove or rename it"));
}

/// Makes the moves that are not made yet; adds each to `moved` before it is tried.
void carry_out(const std::vector<Move>& plan, const std::string& folder, const std::string& staging,
               Moved& moved) {
  // When a file came, all had gone that were to go.
  const bool coming = std::any_of(plan.begin(), plan.end(), [&](const Move& move) {
    return move.in && !env().link_info(cat(staging, "/", move.name)).exists;
  });
  for (const auto& [in, name] : plan) {
    const std::string aside = in ? name : cat("old.", name);
    std::string from = cat(folder, "/", name), to = cat(staging, "/", aside);
    if (in) std::swap(from, to);
    const FileInfo info = env().link_info(from);
    if (!info.exists || info.directory || (coming && !in)) continue;
    make_folder_of(folder, name);
    make_folder_of(staging, aside);
    moved.emplace_back(from, to);
    env().rename_file(from, to);
  }
}

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
  clear_strays(home, false);
  make_staging(home);
}

void FolderWriter::make_staging(const std::string& home) {
  // Until the lock is taken another writer may take the folder for a stray and remove it.
  constexpr int kTries = 3;
  for (int left = kTries; left > 0; --left) {
    staging_ = unused_name(cat(home, "/", kStaging), "");
    if (!env().make_directory(staging_)) continue;
    try {
      lock_.emplace(staging_ + kLock, OpenMode::lock);
      const bool busy = env().try_lock(**lock_, staging_) == LockState::busy;
      if (!busy && env().link_info(staging_ + kLock).exists) return;
    } catch (const Error& error) {
      try_to([this] { remove_folder(staging_); });
      if (error.code() != ErrorCode::not_found) throw;
    }
  }
  fail(ErrorCode::io, cat(home,
                          ": another program removes the folder that is made there to save "
                          "into: save again when it has ended"));
}

FolderWriter::~FolderWriter() {
  if (staging_.empty()) return;
  try_to([this] {
    // With a plan: what could be moved neither in nor back, for the next writer.
    if (!env().link_info(staging_ + kPlan).exists) remove_folder(staging_);
  });
}

/// Whoever writes holds the lock of his folder; one that can be taken is nobody's any more. What it
/// had begun to move is moved to the end, for a part of the target may lie in it.
void FolderWriter::clear_strays(const std::string& parent, bool has_turn) const {
  std::vector<std::string> names;
  try_to([&] { names = env().list_directory(parent); });
  for (const std::string& name : names) {
    const std::string path = cat(parent, "/", name);
    std::optional<OpenedFile> lock;
    try_to([&] {
      if (!name.starts_with(kStaging) || !env().link_info(path).directory) return;
      // Without a lock: nothing came into it, or it was about to be the target.
      if (!env().link_info(path + kLock).exists) {
        env().remove_directory(path);
        return;
      }
      lock.emplace(path + kLock, OpenMode::update);
      if (env().try_lock(**lock, path) != LockState::taken) lock.reset();
    });
    if (!lock) continue;
    if (env().link_info(path + kPlan).exists) {
      if (new_) continue;  // another target's
      std::optional<OpenedFile> own;
      if (!has_turn) own.emplace(turn());
      Moved moved;
      carry_out(read_plan(path + kPlan), folder_, path, moved);
      env().remove_file(path + kPlan);
    }
    try_to([&] { remove_folder(path); });
  }
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

void FolderWriter::File::finish(uint64_t size) {
  if (size_ != size) {
    fail(ErrorCode::internal,
         cat(writer_.target(name_), ": ", size_, " bytes were written; expected ", size));
  }
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

void FolderWriter::replace_if(std::function<bool(const std::string& name)> stale,
                              const std::string& inside) {
  stale_.push_back({inside, std::move(stale)});
}

void FolderWriter::replace(const std::string& name) {
  const size_t slash = name.find('/');
  const std::string inside = slash == std::string::npos ? "" : name.substr(0, slash);
  replace_if([name](const std::string& other) { return other == name; }, inside);
}

std::vector<std::string> FolderWriter::stale_files() const {
  std::vector<std::string> stale;
  for (const Stale& rule : stale_) {
    const std::string folder = rule.inside.empty() ? folder_ : target(rule.inside);
    if (!env().stat(folder).directory) continue;
    for (const std::string& name : env().list_directory(folder)) {
      const std::string full = rule.inside.empty() ? name : cat(rule.inside, "/", name);
      if (rule.is(full)) stale.push_back(full);
    }
  }
  return stale;
}

/// Until it is closed no other writer moves files of the folder.
OpenedFile FolderWriter::turn() const {
  const std::string path = cat(folder_, "/.");  // the folder may be a link to one
  OpenedFile lock(path, OpenMode::read);
  for (auto waited = std::chrono::milliseconds(0); env().try_lock(*lock, path) == LockState::busy;
       waited += kPoll) {
    if (waited >= kLongestTurn) {
      fail(ErrorCode::io,
           cat(folder_,
               ": another program has been moving files into it for a minute: save again "
               "when it has ended"));
    }
    env().sleep_for(kPoll);
  }
  return lock;
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
  const OpenedFile lock = turn();
  clear_strays(folder_, true);  // who was killed since this writer began
  publish_into();
}

/// Whether a file of write() differs from the target's.
bool FolderWriter::changes(const std::string& name) const {
  const FileInfo old = env().link_info(target(name));
  return !old.exists || old.link || old.special || old.size != env().stat(staged(name)).size ||
         env().read_file(target(name), kLargestSmall) !=
             env().read_file(staged(name), kLargestSmall);
}

void FolderWriter::publish_into() {
  std::vector<std::string> changed = large_;
  std::copy_if(small_.begin(), small_.end(), std::back_inserter(changed),
               [this](const std::string& name) { return changes(name); });
  const std::vector<std::string> stale = stale_files();
  if (stale.empty() && changed.size() <= 1) {
    for (const std::string& name : changed) {
      make_folder_of(folder_, name);
      env().rename_file(staged(name), target(name));
    }
    return;
  }
  std::vector<Move> plan;
  const auto add = [&plan](bool in) {
    return [&plan, in](const std::string& name) { plan.push_back({in, name}); };
  };
  std::for_each(small_.rbegin(), small_.rend(), add(false));
  std::for_each(large_.begin(), large_.end(), add(false));
  std::for_each(stale.begin(), stale.end(), add(false));
  std::for_each(large_.begin(), large_.end(), add(true));
  std::for_each(small_.begin(), small_.end(), add(true));
  Moved moved;
  try {
    env().write_file_atomic(staging_ + kPlan, as_bytes(plan_text(plan)));
    carry_out(plan, folder_, staging_, moved);
  } catch (...) {
    for (; !moved.empty(); moved.pop_back()) {
      const auto& [from, to] = moved.back();
      // A rename that fails may have taken place: the folder could not be made durable.
      if (!env().link_info(from).exists) env().rename_file(to, from);
    }
    env().remove_file(staging_ + kPlan);
    throw;
  }
  try_to([this] { env().remove_file(staging_ + kPlan); });
}

}  // namespace tern::hub
