// SPDX-License-Identifier: Apache-2.0
// What from_pretrained is given: a repository, or a GGUF file with everything in it.
#pragma once

#include <string>

#include "../hub/formats/gguf.h"
#include "../hub/repo.h"

namespace tern {

struct Source {
  hub::Repo repo;
  std::string gguf_file;  // of the repository; empty: none
};

/// A path to a file "….gguf" is a repository in which that file is alone: what lies beside it need
/// not belong to it.
Source open_source(const std::string& id_or_path, const hub::RepoOptions& options);

/// With its header's pages read in.
hub::GgufFile open_gguf(const hub::Repo& repo, const std::string& file);

}  // namespace tern
