// SPDX-License-Identifier: Apache-2.0
// Single normalizers and decoders against what the reference gave (make_components.py).
#include <doctest/doctest.h>

#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

TEST_CASE("each normalizer and decoder gives the reference's characters, origins and text" *
          NeedsRegex()) {
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/components.jsonl"));
  CHECK(all.size() > 400);
  for (const std::string& line : all) {
    CAPTURE(line);
    const Json expected = Json::parse(line, "case");
    const Tokenizer tokenizer =
        AutoTokenizer::from_json(expected["tokenizer"].dump(), "tokenizer.json");
    if (expected.contains("ids")) {
      std::vector<int64_t> ids;
      for (const Json& id : expected["ids"].elements()) ids.push_back(id.integer().value());
      CHECK(tokenizer.decode(ids) == *expected["decoded"].string());
      continue;
    }
    const Encoding found = tokenizer.encode(*expected["text"].string(), {.want_tokens = true});
    std::vector<Json> tokens, offsets;
    for (const std::string& token : found.tokens) tokens.push_back(Json::make(token));
    for (const auto& [begin, end] : found.offsets) {
      offsets.push_back(Json::array({Json::make(int64_t{begin}), Json::make(int64_t{end})}));
    }
    CHECK(Json::array(tokens).dump() == expected["tokens"].dump());
    CHECK(Json::array(offsets).dump() == expected["offsets"].dump());
  }
}
