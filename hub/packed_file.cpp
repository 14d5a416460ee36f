// SPDX-License-Identifier: Apache-2.0
#include "packed_file.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <tuple>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "folder_writer.h"
#include "formats/safetensors.h"
#include "hash.h"

namespace tern::hub {

namespace {

constexpr std::string_view kEnding = ".safetensors";

void make_folder(const std::string& folder) {
  if (env().stat(folder).directory) return;
  make_folders(folder);
  env().make_private(folder);
}

/// How the file begins, filled up so that the first run is aligned; and its size.
SafetensorsLayout lay_out(const std::vector<TensorSpec>& runs, const std::string& path) {
  SafetensorsLayout layout = lay_out_safetensors(runs, {}, path);
  const size_t blanks = (kAlignment - layout.head.size() % kAlignment) % kAlignment;
  layout.head.append(blanks, ' ');
  layout.size += blanks;
  const uint64_t length = layout.head.size() - sizeof(uint64_t);
  std::memcpy(layout.head.data(), &length, sizeof length);
  return layout;
}

std::map<std::string, StorageRef> runs_of(const std::string& path) {
  std::map<std::string, StorageRef> runs;
  const SafetensorsFile opened = open_safetensors(path);
  const auto owner = std::make_shared<const StorageRef>(opened.storage);
  for (const TensorEntry& run : opened.header.tensors) {
    const std::byte* data = opened.storage->data() + run.begin;
    runs[run.name] = borrowed_storage(data, run.end - run.begin, owner);
  }
  return runs;
}

}  // namespace

std::string packed_cache_dir() {
  const auto value = [](const char* name) { return env().variable(name).value_or(""); };
  if (value("TERN_PACKED_CACHE") == "off") return {};
  for (const auto& [name, inside] :
       {std::pair("TERN_CACHE", "/packed"), std::pair("XDG_CACHE_HOME", "/tern/packed"),
        std::pair("HOME", "/.cache/tern/packed")}) {
    if (const std::string folder = value(name); !folder.empty()) return folder + inside;
  }
  return {};
}

std::vector<PackedEntry> list_packed(const std::string& folder) {
  std::vector<PackedEntry> found;
  if (folder.empty() || !env().stat(folder).directory) return found;
  for (const std::string& name : env().list_directory(folder)) {
    if (!name.ends_with(kEnding)) continue;
    const std::string path = cat(folder, "/", name);
    const FileInfo info = env().link_info(path);
    if (info.exists && !info.directory) found.push_back({path, info.size, info.mtime_ns});
  }
  std::sort(found.begin(), found.end(), [](const PackedEntry& a, const PackedEntry& b) {
    return std::tie(a.used_ns, a.path) < std::tie(b.used_ns, b.path);
  });
  return found;
}

uint64_t shrink_packed(const std::string& folder, uint64_t limit, const std::string& kept) {
  const std::vector<PackedEntry> entries = list_packed(folder);
  uint64_t total = 0, freed = 0;
  for (const PackedEntry& entry : entries) total += entry.bytes;
  for (const PackedEntry& entry : entries) {
    if (total - freed <= limit) break;
    if (entry.path == kept) continue;
    env().remove_file(entry.path);
    freed += entry.bytes;
  }
  return freed;
}

std::string content_hash(const std::string& path, const FileInfo& before,
                         const std::string& folder) {
  // Times of files move in steps of some milliseconds, or of seconds.
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t settled = before.ctime_ns % kSecond == 0 ? 2 * kSecond : kSecond / 10;
  constexpr uint64_t kMostNote = 4096;
  if (env().wall_time_ns() - before.ctime_ns < settled || !(env().stat(path) == before)) return {};
  const std::string note = cat(folder, "/", before.device, "-", before.inode, ".sha256");
  const std::string stamp =
      cat(before.size, " ", before.mtime_ns, " ", before.ctime_ns, " sha256 ");
  if (env().stat(note).exists) {
    const std::string text = env().read_file(note, kMostNote);
    const std::string_view hash =
        std::string_view(text).substr(std::min(stamp.size(), text.size()));
    if (text.starts_with(stamp) && hash.size() == 64 && is_hash(hash)) return std::string(hash);
  }
  const std::string real = env().real_path(path);
  std::string hash = hash_file(real, HashKind::sha256, before.size, [](uint64_t) {});
  if (!(env().stat(path) == before)) return {};
  try {
    make_folder(folder);
    env().write_file_atomic(note, as_bytes(stamp + hash));
  } catch (const Error&) {
    return hash;  // what is to be kept tells of the same fault; what is there can be used
  }
  return hash;
}

PackedFile::PackedFile(std::string folder, std::string_view key)
    : folder_(std::move(folder)), name_(cat(key, kEnding)) {
  const std::string path = cat(folder_, "/", name_);
  try {
    if (!env().stat(path).exists) return;
    runs_ = runs_of(path);
    env().touch(path);
  } catch (const Error& error) {
    log(LogLevel::warning, cat(error.what(), "; weights are packed anew"));
  }
}

StorageRef PackedFile::find(const std::string& name) const {
  const auto found = runs_.find(name);
  return found == runs_.end() ? StorageRef() : found->second;
}

void PackedFile::add(const std::map<std::string, StorageRef>& more, uint64_t limit) const {
  std::map<std::string, StorageRef> all = more;
  all.insert(runs_.begin(), runs_.end());
  std::vector<TensorSpec> specs;
  std::vector<const Storage*> runs;
  for (const auto& [name, run] : all) {
    if (run->size() % kAlignment != 0) {
      fail(ErrorCode::internal, cat("'", name, "' has ", run->size(), " bytes to be kept, no ",
                                    "multiple of ", kAlignment));
    }
    specs.push_back({name, DType::u8, {static_cast<int64_t>(run->size())}});
    runs.push_back(&*run);
  }
  const SafetensorsLayout layout = lay_out(specs, name_);
  make_folder(folder_);
  FolderWriter writer(folder_);
  writer.need_space(layout.size);
  FolderWriter::File file = writer.begin(name_);
  file.append(as_bytes(layout.head));
  for (const size_t i : layout.order) file.append({runs[i]->data(), runs[i]->size()});
  file.finish(layout.size);
  writer.publish();
  shrink_packed(folder_, limit, cat(folder_, "/", name_));
}

}  // namespace tern::hub
