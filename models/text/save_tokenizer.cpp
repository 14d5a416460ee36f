// SPDX-License-Identifier: Apache-2.0
// Tokenizer::save_pretrained: the files of a repository that make its tokenizer, copied.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../../hub/folder_writer.h"
#include "../out_of_memory.h"
#include "files/classes.h"
#include "pipeline.h"

namespace tern {

namespace {

constexpr const char* kConfig = "tokenizer_config.json";
constexpr const char* kTemplates = "additional_chat_templates";

/// Every name that some class looks for; what a folder has of them decides its tokenizer.
std::set<std::string> known_files() {
  std::set<std::string> names = {
      "tokenizer.json",      kConfig,           "special_tokens_map.json", "added_tokens.json",
      "chat_template.jinja", "tokenizer.model", "chat_template.json",      "tekken.json",
      "tiktoken.model"};
  for (const auto classes : {text::word_classes(), text::piece_classes()}) {
    for (const text::TokenizerClass& row : classes) {
      if (row.file) names.insert(row.file);
      if (row.merges) names.insert(row.merges);
    }
  }
  return names;
}

/// tokenizer_config.json with the class in it, which config.json may have told so far.
std::string config_text(const hub::Repo& repo, const std::string& class_name) {
  const auto text = repo.read_if_exists(kConfig);
  const hub::Json json = text ? hub::Json::parse(*text, repo.path(kConfig)) : hub::Json();
  if (class_name.empty() || json.contains("tokenizer_class")) return text.value_or("");
  std::vector<hub::Json::NewMember> members;
  for (const auto& [name, value] : json.members()) members.emplace_back(name, value);
  members.emplace_back("tokenizer_class", hub::Json::make(std::string_view(class_name)));
  return hub::json_indented(hub::Json::object(std::move(members)));
}

}  // namespace

void Tokenizer::save_pretrained(const std::string& folder) const {
  within_memory(folder, [&] {
    const Pipeline& p = Pipeline::checked(pipeline_);
    if (!p.repo) {
      fail(
          ErrorCode::unsupported,
          "this tokenizer was read from a GGUF file or a text, so it has no files to save: write a "
          "tokenizer.json");
    }
    const std::set<std::string> known = known_files();
    std::set<std::string> found;
    for (const std::string& name : known) {
      if (name != kConfig && p.repo->exists(name)) found.insert(name);
    }
    if (found.empty()) {
      fail(ErrorCode::not_found, cat(p.repo->name(), ": the files of the tokenizer are gone"));
    }
    const auto is_template = [](const std::string& name) {
      return name.starts_with(cat(kTemplates, "/")) && name.ends_with(".jinja") &&
             std::count(name.begin(), name.end(), '/') == 1;
    };
    for (const std::string& name : p.repo->list()) {
      if (is_template(name)) found.insert(name);
    }
    hub::FolderWriter out(folder);
    for (const std::string& name : found) {
      const StorageRef content = p.repo->map(name);
      out.need_space(content->size());
      out.write(name, {content->data(), content->size()});
    }
    const std::string config = config_text(*p.repo, p.class_name);
    if (!config.empty()) {
      out.write(kConfig, as_bytes(config));
      found.insert(kConfig);
    }
    out.replace_if(
        [&](const std::string& name) { return known.contains(name) && !found.contains(name); });
    out.replace_if(
        [&](const std::string& name) { return is_template(name) && !found.contains(name); },
        kTemplates);
    out.publish();
  });
}

}  // namespace tern
