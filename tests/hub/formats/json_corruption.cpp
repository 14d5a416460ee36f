// SPDX-License-Identifier: Apache-2.0
// A million corruptions each of JSON, which gives an Error or reads the same again from its dump,
// and of an index of shards, which gives an Error or plain names of files in its folder.
#include <doctest/doctest.h>

#include <set>

#include "../../../hub/formats/json.h"
#include "../../../hub/formats/safetensors.h"
#include "../../../hub/repo.h"
#include "corruption.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

/// A byte or a piece of what JSON, or the name of a file, is made of.
void change(Corruptor& c, size_t at) {
  constexpr std::string_view kBytes = "{}[]:,\"\\0123456789.eE+-tfnNI u\t\n\x01\xC3\xA9";
  constexpr std::string_view kTexts[] = {"../", "/",       "\\u0000", "\\ud83d", "null", "NaN",
                                         "1e9", "{\"a\":", "[",       "\"",      ".",    "\\\\"};
  if (c.below(4) == 0) {
    c.file.insert(at, c.any(kTexts));
  } else if (at < c.file.size() && c.below(2) == 0) {
    c.file[at] = c.any(kBytes);
  } else {
    c.file.insert(at, 1, c.any(kBytes));
  }
}

const char* json_problem(const std::string& text) {
  const std::string once = Json::parse(text, "text").dump();
  return Json::parse(once, "dump").dump() == once ? nullptr : "another value";
}

const char* index_problem(const std::string& text) {
  std::set<std::string> names;
  for (const auto& [name, shard] : parse_shard_index(text, "index.json")) {
    if (!names.insert(name).second) return "a tensor twice";
    const bool outside = shard.empty() || shard.front() == '/' || shard.starts_with("../") ||
                         shard.find("/../") != shard.npos || shard.ends_with("/..") ||
                         shard == ".." || shard.find('\0') != shard.npos;
    if (outside) return "a shard outside the folder";
  }
  return nullptr;
}

}  // namespace

TEST_CASE("any of a million corruptions of JSON is an Error or reads the same again") {
  const Counts counts = check_corruptions(
      {.files =
           {R"({"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,null,NaN],"b":{"c":{},"d":[]},"e":1e400})",
            R"({"hidden_size":64,"layers":["full_attention","sliding"],"eps":1e-05,"id2label":{}})"},
       .seed = 31337,
       .own = change},
      json_problem);
  CHECK(counts.accepted > kRounds / 20);
  CHECK(counts.corrupt > kRounds / 4);
}

TEST_CASE("any of a million corruptions of a shard index is an Error or names plain files") {
  const Counts counts = check_corruptions(
      {.files =
           {R"({"metadata":{"total_size":8},"weight_map":{"b":"model-1.safetensors","a":"s/m.st"}})",
            R"({"weight_map":{"l.0":"a","l.1":"a","l.2":"b"}})"},
       .seed = 5417,
       .own = change},
      index_problem);
  CHECK(counts.accepted > kRounds / 20);
  CHECK(counts.corrupt > kRounds / 4);
  CHECK(counts.denied > kRounds / 1000);
}
