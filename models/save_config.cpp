// SPDX-License-Identifier: Apache-2.0
#include "save_config.h"

#include <algorithm>

#include "../engine/base/format.h"

namespace tern {

namespace {

using hub::Json;

bool by_name(const Json::NewMember& a, const Json::NewMember& b) {
  return a.first < b.first;
}

constexpr int64_t kMostNamed = 100'000;  // a number in the file must not become a larger file

/// LABEL_0, …: as Transformers makes them of num_labels.
void add_labels(const Config& config, std::vector<Json::NewMember>& members) {
  std::vector<Json::NewMember> names, ids;
  for (int64_t i = 0; i < config.num_labels(); ++i) {
    names.emplace_back(cat(i), Json::make(std::string_view(config.label(i))));
    ids.emplace_back(config.label(i), Json::make(i));
  }
  members.emplace_back("id2label", Json::object(std::move(names)));
  members.emplace_back("label2id", Json::object(std::move(ids)));
}

}  // namespace

std::string saved_config(const Config& config, std::string_view class_name, DType dtype) {
  std::vector<Json::NewMember> members;
  const bool number_only = !config.json()["num_labels"].is_null() &&
                           !config.json()["id2label"].is_object() &&
                           config.num_labels() <= kMostNamed;
  for (const auto& [name, value] : config.json().members()) {
    const bool replaced = name == "architectures" || name == "dtype" || name == "torch_dtype";
    const bool labels = number_only && (name == "num_labels" || name == "label2id");
    const bool of_files = name == "transformers_weights" || name == "quantization_config";
    if (replaced || labels || of_files) continue;
    members.emplace_back(name, value);
  }
  if (number_only) add_labels(config, members);
  std::vector<Json> classes;
  classes.push_back(Json::make(class_name));
  members.emplace_back("architectures", Json::array(std::move(classes)));
  members.emplace_back("dtype", Json::make(to_string(dtype)));
  std::stable_sort(members.begin(), members.end(), by_name);
  // Of a name that stands twice the last one counts.
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  members.erase(members.begin(), std::unique(members.rbegin(), members.rend(), same).base());
  return hub::json_indented(Json::object(std::move(members)));
}

std::string index_text(SavedIndex index) {
  std::vector<Json::NewMember> map;
  for (auto& [name, file] : index.weight_map) {
    map.emplace_back(std::move(name), Json::make(std::string_view(file)));
  }
  std::sort(map.begin(), map.end(), by_name);
  Json metadata = Json::object({{"total_parameters", Json::make(index.parameters)},
                                {"total_size", Json::make(index.bytes)}});
  return hub::json_indented(Json::object(
      {{"metadata", std::move(metadata)}, {"weight_map", Json::object(std::move(map))}}));
}

}  // namespace tern
