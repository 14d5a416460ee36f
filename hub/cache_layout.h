// SPDX-License-Identifier: Apache-2.0
// Names in the Hugging Face cache: which repository ids and commits exist, and where they lie.
// Nothing here touches the disk.
#pragma once

#include <string>
#include <string_view>

namespace tern::hub {

/// nullptr for "name" or "org/name" as huggingface_hub accepts it, else the rule that is broken.
const char* repo_id_problem(std::string_view id) noexcept;

/// "models--org--name"
std::string repo_folder_name(std::string_view id);

/// HF_HOME, else XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface.
std::string hub_home();

/// True for 40 lower-case hexadecimal digits.
bool is_commit_hash(std::string_view text) noexcept;

}  // namespace tern::hub
