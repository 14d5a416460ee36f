// SPDX-License-Identifier: Apache-2.0
// The files of a sentence-transformers folder. Private to models/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../hub/repo.h"
#include "config.h"

namespace tern {

struct SentenceModule {
  std::string type;  // "Pooling"
  std::string path;  // "1_Pooling", empty for the root
};

/// modules.json in its order; Transformer and mean Pooling without one. unsupported for modules
/// that bring Python code of their own.
std::vector<SentenceModule> read_sentence_modules(const hub::Repo& repo);

/// "1_Pooling/config.json"; the name alone in the root.
std::string module_file(std::string_view folder, std::string_view name);
/// config.json of a module's folder; an empty one when there is none.
Config module_config(const hub::Repo& repo, const std::string& folder);

/// The files of one folder of a repository as a repository of its own.
hub::Repo subfolder(const hub::Repo& repo, const std::string& folder);

/// sentence_bert_config.json and its older names; an empty config when there is none.
Config sentence_config(const hub::Repo& transformer);

}  // namespace tern
