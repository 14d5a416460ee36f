// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "../../../engine/base/format.h"
#include "../../../hub/formats/safetensors.h"
#include "../../../hub/repo.h"
#include "../../allocations.h"
#include "../expect_error.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

auto parse(std::string_view text) {
  return parse_shard_index(text, "model.safetensors.index.json");
}

}  // namespace

TEST_CASE("an index gives the shard of every tensor in file order") {
  const auto shards = parse(
      R"({"metadata":{"total_size":8},"weight_map":{"b":"model-1.safetensors","a":"sub/m.st"}})");
  REQUIRE(shards.size() == 2);
  CHECK(shards[0] == std::pair<std::string, std::string>("b", "model-1.safetensors"));
  CHECK(shards[1] == std::pair<std::string, std::string>("a", "sub/m.st"));
  CHECK(parse(R"({"weight_map":{}})").empty());
}

TEST_CASE("an index that is none is corrupt") {
  const ErrorCode corrupt = ErrorCode::corrupt;
  for (const std::string_view text :
       {"{}", "[]", "1", R"({"weight_map":[]})", R"({"weight_map":null})", R"({"weight_map":"a"})"}) {
    CAPTURE(text);
    expect_error([&] { parse(text); }, corrupt, "there is no object 'weight_map'");
  }
  expect_error([] { parse(R"({"weight_map":{"a":1}})"); }, corrupt, "the shard of tensor 'a'");
  expect_error([] { parse(R"({"weight_map":{"a":null}})"); }, corrupt, "is no string");
  expect_error([] { parse(R"({"weight_map":{"a":"x")"); }, corrupt, "index.json: byte");
  expect_error([] { parse(R"({"weight_map":{"a":"x","b":"x","a":"y"}})"); }, corrupt,
               "tensor 'a' occurs twice");
}

TEST_CASE("a shard that is not in the folder is denied") {
  const std::string part(256, 'x');
  for (const std::string_view shard : std::initializer_list<std::string_view>{
           "../x", "/etc/passwd", "a/../../b", "..", ".", "", "a//b", "a/", "./a", "a/.", "a\\\\b",
           "..\\\\x", "a\\u0000b", "\\u002e\\u002e/x", part}) {
    CAPTURE(shard);
    expect_error([&] { parse(cat(R"({"weight_map":{"t":")", shard, "\"}}")); }, ErrorCode::denied,
                 "of tensor 't' is no plain name");
  }
}

TEST_CASE("an index of a hundred thousand tensors is read in memory proportional to its size") {
  std::string text = R"({"weight_map":{)";
  for (int i = 0; i < 100'000; ++i) {
    text += cat(i ? "," : "", "\"model.layers.", i, "\":\"model-00001-of-00002.safetensors\"");
  }
  text += "}}";
  start_peak();
  CHECK(parse(text).size() == 100'000);
  CHECK(peak_bytes() <= 12 * text.size());
}

TEST_CASE("the shards of a golden model together hold what its index says") {
  const std::string folder = std::string(TERN_SHARED_DATA) + "/golden/loading/llama-sharded";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no golden data at " << folder);
    return;
  }
  const Repo repo = Repo::open(folder);
  std::set<std::pair<std::string, std::string>> found;
  for (const std::string& file : repo.list()) {
    if (!file.ends_with(".safetensors") || file == "golden.safetensors") continue;
    const SafetensorsFile shard = open_safetensors(repo.map(file), repo.path(file));
    for (const TensorEntry& tensor : shard.header.tensors) found.emplace(tensor.name, file);
  }
  const std::string index = "model.safetensors.index.json";
  const auto shards = parse_shard_index(repo.read(index), index);
  CHECK(found == std::set(shards.begin(), shards.end()));
}
