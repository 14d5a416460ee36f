// SPDX-License-Identifier: Apache-2.0
// Which files of a repository are needed, by Transformers' order: small texts of the model's folder
// (configs, tokenizers, templates), then one form of weights, a single file before an index and its
// shards. Pure functions of names; called by download.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "repo.h"

namespace tern::hub {

/// Whether a path exists, and the text of one that has been downloaded.
using HasFile = std::function<bool(const std::string& path)>;
using ReadFile = std::function<std::string(const std::string& path)>;

/// True for a config, tokenizer or template that lies directly in `folder` ("" or "a/b"), or in its
/// additional_chat_templates.
bool is_text_of(std::string_view path, std::string_view folder);

/// The folders of sentence-transformers modules that modules.json names, besides the model's own.
std::vector<std::string> module_folders(std::string_view modules_json);

struct WeightChoice {
  std::vector<std::string> files;  // with the index; empty when there are none of that form
  std::string foreign = {};        // a form that automatic leaves out, when there is no other
};

/// The weight files of `folder`. The index must be readable. Error denied for a shard outside.
WeightChoice choose_weights(const std::string& folder, const RepoOptions& options,
                            const HasFile& has, const ReadFile& read);

}  // namespace tern::hub
