// SPDX-License-Identifier: Apache-2.0
// What the hub cache holds, whether it is right, and taking it out again; whoever wrote it, tern or
// huggingface_hub. Called by the verb `cache`. Links are never followed when something is removed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/base/api.h"

namespace tern::hub {

struct CachedRevision {
  std::string commit;
  std::vector<std::string> refs;  // branches and tags that point at it
  uint64_t files = 0, bytes = 0;
};

struct CachedRepo {
  std::string id;
  std::string folder;
  uint64_t bytes = 0;       // of all blobs, each once
  uint64_t unfinished = 0;  // of downloads that are not complete
  std::vector<CachedRevision> revisions;
};

/// The models in a cache folder, sorted by id; empty when the folder is not there.
TERN_API std::vector<CachedRepo> list_cache(const std::string& cache_dir);

struct CacheFault {
  std::string path, problem;
};
struct CacheVerified {
  uint64_t files = 0, bytes = 0;  // that were read
  std::vector<CacheFault> faults;
};

/// Hashes every blob of a model and follows every link of its snapshots. Progress: stage "verify".
TERN_API CacheVerified verify_cached(const std::string& cache_dir, const std::string& id);

/// Removes a model, or one revision of it (commit, branch or tag) with the blobs that no other one
/// uses; the bytes that became free. not_found when it is not there.
TERN_API uint64_t remove_cached(const std::string& cache_dir, const std::string& id,
                                const std::string& revision = {});

}  // namespace tern::hub
