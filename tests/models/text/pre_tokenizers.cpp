// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers against cases recorded from the reference (tests/data/text/make_cases.py).
#include "../../../models/text/pre_tokenizers/pre_tokenizers.h"

#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

/// [[text, begin, end], …] in characters of the original text.
std::string pieces(const PreTokenizer& pre_tokenizer, std::string_view text) {
  Normalized n;
  n.assign(text, 0, true);
  std::vector<Piece> all{{0, text.size()}};
  pre_tokenizer.split(n, all);
  CHECK(n.origin.size() == n.text.size());
  std::vector<Json> out;
  for (const Piece& p : all) {
    REQUIRE(p.begin < p.end);
    const auto [begin, end] = n.origin_of(p.begin, p.end);
    out.push_back(Json::array({Json::make(n.text.substr(p.begin, p.end - p.begin)),
                               Json::make(int64_t{begin}), Json::make(int64_t{end})}));
  }
  return Json::array(out).dump();
}

std::vector<std::string> untracked(const PreTokenizer& pre_tokenizer, std::string_view text) {
  Normalized n;
  n.assign(text, 0, false);
  std::vector<Piece> all{{0, text.size()}};
  pre_tokenizer.split(n, all);
  std::vector<std::string> out;
  for (const Piece& p : all) out.push_back(n.text.substr(p.begin, p.end - p.begin));
  return out;
}

}  // namespace

TEST_CASE("pre-tokenizers give the reference's pieces and offsets" * NeedsRegex()) {
  size_t count = 0;
  for (const std::string& line :
       lines(read_maybe_xz(TERN_TEST_DATA "/text/pre_tokenizers.jsonl"))) {
    CAPTURE(line);
    ++count;
    const Json json = Json::parse(line, "case");
    const auto pre_tokenizer = parse_pre_tokenizer(json["config"]);
    const std::string_view text = *json["text"].string();
    CHECK(pieces(*pre_tokenizer, text) == json["pieces"].dump());
    std::vector<std::string> texts;
    for (const Json& p : json["pieces"].elements()) {
      texts.emplace_back(*p.elements()[0].string());
    }
    CHECK(untracked(*pre_tokenizer, text) == texts);
  }
  CHECK(count > 1000);
}

TEST_CASE("pre-tokenizers with wrong members are refused, as the reference does") {
  for (const char* json :
       {R"({"type":"Metaspace"})", R"({"type":"Metaspace","replacement":"ab"})",
        R"({"type":"Metaspace","replacement":"_","add_prefix_space":false})",
        R"({"type":"Metaspace","replacement":"_","prepend_scheme":"last"})",
        R"({"type":"ByteLevel"})", R"({"type":"FixedLength","length":0})",
        R"({"type":"Split","pattern":{"String":"a"},"behavior":"Isolated"})",
        R"({"type":"Split","pattern":{"String":"a"},"invert":true})",
        R"({"type":"Split","pattern":"a","behavior":"Isolated","invert":false})",
        R"({"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false})"}) {
    CAPTURE(json);
    try {
      parse_pre_tokenizer(Json::parse(json, "test"));
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::corrupt);
    }
  }
}

TEST_CASE("the pieces of a text share one deadline" * NeedsRegex()) {
  // Each line takes a fraction of the two seconds that a text has.
  const auto pre_tokenizer = parse_pre_tokenizer(Json::parse(
      R"({"type":"Sequence","pretokenizers":[)"
      R"({"type":"Split","pattern":{"String":"\n"},"behavior":"Removed","invert":false},)"
      R"({"type":"Split","pattern":{"Regex":"(?:a|b)*(?:a|c)*d|a"},"behavior":"Isolated",)"
      R"("invert":false}]})",
      "test"));
  std::string text;
  for (int i = 0; i < 400; ++i) text.append(700, 'a').append("e\n");
  try {
    untracked(*pre_tokenizer, text);
    FAIL("all lines were split");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::deadline);
  }
}
