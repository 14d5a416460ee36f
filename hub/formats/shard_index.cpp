// SPDX-License-Identifier: Apache-2.0
// model.safetensors.index.json: {"metadata": …, "weight_map": {tensor: shard file}}.
#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../repo.h"
#include "json.h"
#include "safetensors.h"
#include "safetensors_header.h"

namespace tern::hub {

std::vector<std::pair<std::string, std::string>> parse_shard_index(std::string_view text,
                                                                   std::string_view what) {
  const Json json = Json::parse(text, what);
  const Json& map = json["weight_map"];
  if (!map.is_object()) {
    fail(ErrorCode::corrupt, cat(what, ": there is no object 'weight_map': not a shard index?"));
  }
  std::vector<std::pair<std::string, std::string>> shards;
  shards.reserve(map.members().size());
  std::vector<std::string_view> names;
  names.reserve(map.members().size());
  for (const auto& [name, shard] : map.members()) {
    const auto file = shard.string();
    if (!file) {
      fail(ErrorCode::corrupt, cat(what, ": the shard of tensor ", shown_name(name), " is no string"));
    }
    if (!safe_relative_path(*file)) {
      fail(ErrorCode::denied, cat(what, ": the shard ", shown_name(*file), " of tensor ",
                                  shown_name(name), " is no plain name of a file in this folder"));
    }
    names.push_back(name);
    shards.emplace_back(name, *file);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    fail(ErrorCode::corrupt, cat(what, ": tensor ", shown_name(*twice), " occurs twice"));
  }
  return shards;
}

}  // namespace tern::hub
