// SPDX-License-Identifier: Apache-2.0
#include "sentence_modules.h"

#include <map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"

namespace tern {

namespace {

constexpr size_t kMostModules = 64;

Config read_config(const hub::Repo& repo, const std::string& file) {
  const auto text = repo.read_if_exists(file);
  return text ? Config(hub::Json::parse(*text, repo.path(file)), file)
              : Config(hub::Json::object({}), file);
}

SentenceModule read_module(const hub::Json& json, const std::string& what) {
  const Config c(json, what);
  const std::string type = c.string({"type"}, "");
  const std::string path = c.string({"path"}, "");
  if (!type.starts_with("sentence_transformers.")) {
    fail(ErrorCode::unsupported,
         cat(what, ": module type '", printable_name(type),
             "' is none of the library's own; code of a repository is never run"));
  }
  if (!path.empty() && !hub::safe_relative_path(path)) {
    fail(ErrorCode::denied,
         cat(what, ": '", printable_name(path), "' is no folder inside the repository"));
  }
  return {type.substr(type.rfind('.') + 1), path};
}

}  // namespace

std::string module_file(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : cat(folder, "/", name);
}

std::vector<SentenceModule> read_sentence_modules(const hub::Repo& repo) {
  const auto text = repo.read_if_exists("modules.json");
  if (!text) return {{"Transformer", ""}};
  const std::string what = repo.path("modules.json");
  const hub::Json json = hub::Json::parse(*text, what);
  if (!json.is_array() || json.elements().empty() || json.elements().size() > kMostModules) {
    fail(ErrorCode::corrupt, cat(what, ": expected a list of 1 to ", kMostModules, " modules"));
  }
  std::vector<SentenceModule> modules;
  for (const hub::Json& element : json.elements()) modules.push_back(read_module(element, what));
  if (modules.front().type != "Transformer") {
    fail(ErrorCode::unsupported,
         cat(what, ": the first module is '", printable_name(modules.front().type),
             "'; only pipelines that start with Transformer are supported"));
  }
  for (size_t i = 1; i < modules.size(); ++i) {
    if (modules[i].type == "Transformer") {
      fail(ErrorCode::unsupported, cat(what, ": more than one Transformer"));
    }
  }
  return modules;
}

Config module_config(const hub::Repo& repo, const std::string& folder) {
  return read_config(repo, module_file(folder, "config.json"));
}

hub::Repo subfolder(const hub::Repo& repo, const std::string& folder) {
  if (folder.empty()) return repo;
  const std::string prefix = folder + "/";
  std::map<std::string, StorageRef> files;
  for (const std::string& file : repo.list()) {
    bool wanted = false;  // a mapping reads its file: only what the loader reads
    for (const std::string_view end : {".json", ".txt", ".safetensors", ".model"}) {
      wanted = wanted || file.ends_with(end);
    }
    if (wanted && file.starts_with(prefix))
      files.emplace(file.substr(prefix.size()), repo.map(file));
  }
  return hub::Repo::from_memory(std::move(files), cat(repo.name(), "/", folder));
}

Config sentence_config(const hub::Repo& transformer) {
  for (const char* kind :
       {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const std::string file = cat("sentence_", kind, "_config.json");
    if (transformer.exists(file)) return read_config(transformer, file);
  }
  return Config(hub::Json::object({}), "sentence_bert_config.json");
}

}  // namespace tern
