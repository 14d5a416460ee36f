// SPDX-License-Identifier: Apache-2.0
#include "select_files.h"

#include <algorithm>
#include <set>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "formats/safetensors_header.h"

namespace tern::hub {

namespace {

constexpr std::string_view kTextEnds[] = {".json",     ".txt",   ".model", ".jinja",
                                          ".tiktoken", ".vocab", ".spm",   ".bpe"};

/// "model" + "safetensors" of the form, as its files are named.
struct Form {
  WeightFiles form;
  std::string_view stem, end;
};
constexpr Form kForms[] = {{WeightFiles::safetensors, "model", ".safetensors"},
                           {WeightFiles::pytorch, "pytorch_model", ".bin"},
                           {WeightFiles::tensorflow, "tf_model", ".h5"},
                           {WeightFiles::flax, "flax_model", ".msgpack"}};

std::string in_folder(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : cat(folder, "/", name);
}

/// The files of one form, of a variant or of none.
std::vector<std::string> files_of(const Form& form, std::string_view variant,
                                  const std::string& folder, const HasFile& has,
                                  const ReadFile& read) {
  const std::string mark = variant.empty() ? "" : cat(".", variant);
  const std::string single = in_folder(folder, cat(form.stem, mark, form.end));
  if (has(single)) return {single};
  const std::string index = in_folder(folder, cat(form.stem, form.end, ".index", mark, ".json"));
  if (!has(index)) return {};
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : parse_shard_index(read(index), index)) shards.insert(shard);
  std::vector<std::string> files = {index};
  for (const std::string& shard : shards) {
    if (!safe_relative_path(shard)) {
      fail(ErrorCode::denied, cat(index, " names the shard ", shown_name(shard)));
    }
    files.push_back(in_folder(folder, shard));
  }
  return files;
}

}  // namespace

bool is_text_of(std::string_view path, std::string_view folder) {
  if (!folder.empty()) {
    if (!path.starts_with(folder) || path.substr(folder.size(), 1) != "/") return false;
    path.remove_prefix(folder.size() + 1);
  }
  constexpr std::string_view kTemplates = "additional_chat_templates/";
  if (path.starts_with(kTemplates)) path.remove_prefix(kTemplates.size());
  if (path.find('/') != path.npos || path.starts_with('.')) return false;
  return std::any_of(std::begin(kTextEnds), std::end(kTextEnds),
                     [&](std::string_view end) { return path.ends_with(end); });
}

std::vector<std::string> module_folders(std::string_view modules_json) {
  std::vector<std::string> folders;
  const Json modules = Json::parse(modules_json, "modules.json");
  for (const Json& module : modules.elements()) {
    const std::string path(module["path"].string().value_or(""));
    if (path.empty()) continue;
    if (!safe_relative_path(path)) {
      fail(ErrorCode::denied, cat("modules.json names the folder ", shown_name(path)));
    }
    folders.push_back(path);
  }
  return folders;
}

WeightChoice choose_weights(const std::string& folder, const RepoOptions& options,
                            const HasFile& has, const ReadFile& read) {
  WeightChoice choice;
  if (options.weights == WeightFiles::none) return choice;
  for (const Form& form : kForms) {
    const bool usual = form.form == WeightFiles::safetensors || form.form == WeightFiles::pytorch;
    const bool automatic = options.weights == WeightFiles::automatic;
    if (!automatic && form.form != options.weights) continue;
    if (automatic && !usual) {
      const std::string file = in_folder(folder, cat(form.stem, form.end));
      if (choice.foreign.empty() && has(file)) choice.foreign = file;
      continue;
    }
    choice.files = files_of(form, options.variant, folder, has, read);
    if (!choice.files.empty()) return choice;
  }
  return choice;
}

}  // namespace tern::hub
