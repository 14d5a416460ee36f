// SPDX-License-Identifier: Apache-2.0
// Opening; see gguf_source.h.
#include "gguf_source.h"

#include "../engine/base/env.h"

namespace tern {

Source open_source(const std::string& id_or_path, const hub::RepoOptions& options) {
  if (options.gguf_file.empty() && id_or_path.ends_with(".gguf")) {
    const FileInfo info = env().stat(id_or_path);
    if (info.exists && !info.directory) {
      const std::string name = id_or_path.substr(id_or_path.rfind('/') + 1);
      return {hub::Repo::from_memory({{name, map_storage(id_or_path, false)}}, id_or_path), name};
    }
  }
  return {hub::Repo::open(id_or_path, options), options.gguf_file};
}

hub::GgufFile open_gguf(const hub::Repo& repo, const std::string& file) {
  return hub::open_gguf(repo.map(file, false), repo.path(file));
}

}  // namespace tern
