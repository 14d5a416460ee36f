// SPDX-License-Identifier: Apache-2.0
// The files of a repository that hold chat templates and special tokens.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../../hub/repo.h"
#include "files/special_tokens.h"

namespace tern {

struct ChatFiles {
  std::map<std::string, std::string> templates;  // by name; a single one is "default"
  std::vector<std::pair<std::string, std::string>> special_tokens;  // bos_token, …
};

ChatFiles read_chat_files(const hub::Repo& repo);
/// The same when the files that tokens are named in have been read.
ChatFiles read_chat_files(const hub::Repo& repo, const text::Arguments& arguments,
                          const text::SpecialTokens& specials);

}  // namespace tern
