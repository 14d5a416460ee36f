// SPDX-License-Identifier: Apache-2.0
// Downloads from the hub into the cache. Files come in parallel, large ones in parallel parts;
// interrupted downloads go on where they were, also after a kill; nothing is published that has not
// the hash the hub lists for it. Progress goes to the progress callback, stage "download", in
// bytes.
#pragma once

#include <string>
#include <vector>

#include "repo.h"

namespace tern::hub {

struct Downloaded {
  std::string commit;
  std::string folder;              // models--…/snapshots/<commit>
  std::vector<std::string> files;  // all that were wanted, sorted
  uint64_t bytes = 0;              // of these files
  uint64_t fetched = 0;            // bytes that came now
};

/// What from_pretrained needs of a repository, or `files` alone when there are any ("*": all).
/// Errors: not_found (no such repository, revision, file), denied (gated, token), network,
/// corrupt (the server sends something else, twice), io (disk), unsupported (built without client).
TERN_API Downloaded download(const std::string& id, const RepoOptions& options,
                             const std::vector<std::string>& files = {});

/// Called by Repo::open: downloads what is missing unless options or environment say otherwise.
/// When the hub cannot be reached and the cache knows the revision, that is logged and used.
void download_missing(const std::string& id, const RepoOptions& options);

}  // namespace tern::hub
