// SPDX-License-Identifier: Apache-2.0
#include "verify_files.h"

#include <map>
#include <set>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../hub/formats/safetensors.h"
#include "../hub/hash.h"

namespace tern::cli {

namespace {

constexpr size_t kMostProblems = 100;

/// Snapshots of the cache link to blobs/<hash>; `real` has no link in it.
std::string blob_name(const std::string& real) {
  const size_t slash = real.rfind('/');
  const std::string name = real.substr(slash + 1);
  return real.substr(0, slash).ends_with("/blobs") && hub::is_hash(name) ? name : "";
}

/// A .gguf file alone is a repository in memory, which is named by the file's path.
std::string path_of(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  return path == file ? repo.name() : path;
}

/// The call, whose Error is the file's problem.
template <class Call>
void note_problem(VerifiedFile& file, const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    file.problem = error.what();
  }
}

class IndexCheck {
 public:
  IndexCheck(const hub::Repo& repo, const std::string& index) : repo_(repo), index_(index) {
    for (auto& [name, shard] : hub::parse_shard_index(repo.read(index), repo.path(index))) {
      shards_[shard].insert(name);
    }
  }

  void run(std::vector<std::string>& problems) const {
    for (const auto& [shard, names] : shards_) {
      if (!repo_.exists(shard)) {
        problems.push_back(cat(index_, ": the shard ", shard, " is not there"));
      } else if (shard.ends_with(".safetensors")) {
        compare(shard, names, problems);
      }
      if (problems.size() >= kMostProblems) return;
    }
  }

 private:
  void compare(const std::string& shard, const std::set<std::string>& names,
               std::vector<std::string>& problems) const {
    std::set<std::string> there;
    for (const hub::TensorEntry& entry :
         hub::open_safetensors(repo_.map(shard, false), repo_.path(shard)).header.tensors) {
      there.insert(entry.name);
      if (names.contains(entry.name)) continue;
      problems.push_back(cat(shard, ": holds '", entry.name, "', which ", index_, " does not say"));
    }
    for (const std::string& name : names) {
      if (there.contains(name)) continue;
      problems.push_back(cat(index_, ": says that '", name, "' is in ", shard, ", which lacks it"));
    }
  }

  const hub::Repo& repo_;
  const std::string& index_;
  std::map<std::string, std::set<std::string>> shards_;
};

}  // namespace

std::vector<VerifiedFile> verify_files(const hub::Repo& repo) {
  std::vector<VerifiedFile> files;
  uint64_t total = 0, done = 0;
  for (const std::string& name : repo.list()) {
    VerifiedFile& file = files.emplace_back(VerifiedFile{.name = name});
    note_problem(file, [&] { total += file.bytes = repo.size(name); });
  }
  for (VerifiedFile& file : files) {
    if (!file.problem.empty()) continue;
    note_problem(file, [&] {
      const std::string path = env().real_path(path_of(repo, file.name));
      file.expected = blob_name(path);
      const hub::HashKind kind =
          file.expected.empty() ? hub::HashKind::sha256 : hub::hash_kind(file.expected);
      file.hash = hub::hash_file(path, kind, file.bytes,
                                 [&](uint64_t read) { progress("verify", done += read, total); });
    });
    if (file.expected.empty() || file.hash.empty() || file.hash == file.expected) continue;
    file.problem = cat("its content has the hash ", file.hash, ", not ", file.expected,
                       ": download it again (tern pull --force)");
  }
  for (const std::string& name : repo.broken_links()) {
    files.push_back({.name = name, .problem = "a link that leads nowhere: download it again"});
  }
  progress("verify", total, total);
  return files;
}

std::vector<std::string> index_problems(const hub::Repo& repo) {
  std::vector<std::string> problems;
  for (const std::string& name : repo.list()) {
    const bool index = name.ends_with(".json") && name.find(".index.") != std::string::npos;
    if (index && name.find('/') == std::string::npos) IndexCheck(repo, name).run(problems);
  }
  if (problems.size() > kMostProblems) problems.resize(kMostProblems);
  return problems;
}

}  // namespace tern::cli
