// SPDX-License-Identifier: Apache-2.0
// What verify finds out about the files of a repository: whether their content has the hash that
// the hub named them by, and whether an index of shards tells the truth.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../hub/repo.h"

namespace tern::cli {

struct VerifiedFile {
  std::string name;
  uint64_t bytes = 0;
  std::string hash = {};      // of the content
  std::string expected = {};  // the blob's name in the hub's cache; empty: nothing tells
  std::string problem = {};   // another hash, unreadable, or a link that leads nowhere
};

/// Hashes every file: with what its blob is named by, or SHA-256. Progress: stage "verify".
std::vector<VerifiedFile> verify_files(const hub::Repo& repo);

/// What an index says and its shards do not hold, or the other way round: one line each, at most a
/// hundred.
std::vector<std::string> index_problems(const hub::Repo& repo);

}  // namespace tern::cli
