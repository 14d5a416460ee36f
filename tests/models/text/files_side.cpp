// SPDX-License-Identifier: Apache-2.0
// tokenizer_config.json, special_tokens_map.json and added_tokens.json beside a vocabulary or a
// tokenizer.json: what they cost, and what they add.
#include <doctest/doctest.h>

#include <chrono>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

using Files = std::map<std::string, std::string>;

/// Entries 0 to count - 1, between commas.
template <class Entry>
std::string listed(int count, const Entry& entry) {
  std::string out;
  for (int i = 0; i < count; ++i) out += cat(i ? "," : "", entry(i));
  return out;
}

}  // namespace

TEST_CASE("forty thousand tokens in the files beside a vocabulary take seconds at most") {
  constexpr int kCount = 40000;
  const std::string decoder = listed(kCount, [](int i) {
    return cat("\"", i + 3, "\":{\"content\":\"<", i, ">\",\"special\":true}");
  });
  const std::string texts = listed(kCount, [](int i) { return cat("\"<", i, ">\""); });
  const std::string others = listed(kCount, [](int i) { return cat("\"<x", i, ">\""); });
  const std::string ids = listed(kCount, [](int i) { return cat("\"<", i, ">\":", i + 3); });
  const std::string own = listed(kCount, [](int i) { return cat("\"t", i, "\":\"<", i, ">\""); });
  const Files all[] = {
      {{"tokenizer_config.json",
        cat("{\"added_tokens_decoder\":{", decoder, "},\"extra_special_tokens\":[", others, "]}")}},
      {{"tokenizer_config.json", cat("{\"extra_special_tokens\":[", texts, "]}")},
       {"special_tokens_map.json", cat("{\"extra_special_tokens\":[", others, "]}")},
       {"added_tokens.json", cat("{", ids, "}")}},
      {{"tokenizer_config.json", cat("{\"extra_special_tokens\":{", own, "}}")}},
  };
  for (Files files : all) {
    files["config.json"] = R"({"model_type":"gpt2"})";
    files["vocab.json"] = R"({"a":0,"b":1,"ab":2})";
    files["merges.txt"] = "a b\n";
    const auto begin = std::chrono::steady_clock::now();
    const Tokenizer t = from_files(files);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    CHECK(seconds.count() < 5);
    CHECK(t.vocab_size() >= kCount);
    CHECK(t.encode("<39999>").ids.size() == 1);
  }
}
