// SPDX-License-Identifier: Apache-2.0
// Repositories without tokenizer.json against what Transformers makes of them (make_files.py), and
// the real vocabularies where they are at hand.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../models/text/base64.h"
#include "../../../models/text/jsonl.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

std::map<std::string, std::string> files_of(const Json& repository,
                                            const std::map<std::string, std::string>& stored) {
  std::map<std::string, std::string> out;
  for (const auto& [name, content] : repository.members()) {
    out[std::string(name)] =
        content.is_string() ? stored.at(std::string(*content.string())) : content.dump();
  }
  return out;
}

std::string dump(const std::vector<int64_t>& values) {
  std::vector<Json> out;
  for (const int64_t v : values) out.push_back(Json::make(v));
  return Json::array(std::move(out)).dump();
}

std::string dump(const std::vector<std::string>& values) {
  std::vector<Json> out;
  for (const std::string& v : values) out.push_back(Json::make(v));
  return Json::array(std::move(out)).dump();
}

std::string dump(const std::vector<std::pair<int32_t, int32_t>>& values) {
  std::vector<Json> out;
  for (const auto& [begin, end] : values) {
    out.push_back(Json::array({Json::make(int64_t{begin}), Json::make(int64_t{end})}));
  }
  return Json::array(std::move(out)).dump();
}

void check_case(const Tokenizer& t, const Json& expected) {
  const std::string text(*expected["text"].string());
  CAPTURE(text);
  const auto pair = expected["pair"].string();
  const auto encoded = [&] {
    const EncodeOptions options{.want_tokens = true};
    return pair ? t.encode(text, *pair, options) : t.encode(text, options);
  };
  if (expected["error"].boolean()) {
    CHECK_THROWS_AS(encoded(), Error);
    return;
  }
  const Encoding e = encoded();
  CHECK(dump(e.ids) == expected["ids"].dump());
  if (expected.contains("tokens")) {
    CHECK(dump(e.tokens) == expected["tokens"].dump());
    CHECK(dump(e.offsets) == expected["offsets"].dump());
    CHECK(dump(e.type_ids) == expected["types"].dump());
  }
  std::vector<int64_t> ids;
  for (const Json& id : expected["ids"].elements()) ids.push_back(id.integer().value());
  CHECK(t.decode(ids, {.skip_special_tokens = true, .clean_up_tokenization_spaces = false}) ==
        *expected["decoded"].string());
  CHECK(t.decode(ids, {.clean_up_tokenization_spaces = false}) ==
        *expected["decoded_all"].string());
}

bool names_types(const Json& names) {
  return std::any_of(names.elements().begin(), names.elements().end(), [](const Json& n) {
    return n.string() == std::string_view("token_type_ids");
  });
}

}  // namespace

TEST_CASE("repositories without tokenizer.json are the tokenizers that Transformers makes of them" *
          NeedsRegex()) {
  std::map<std::string, std::string> stored;
  size_t built = 0, refused = 0;
  for (const std::string& line : lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/files.jsonl"))) {
    const Json json = Json::parse(line, "line");
    if (const auto name = json["file"].string()) {
      const auto text = json["text"].string();
      stored[std::string(*name)] =
          text ? std::string(*text) : text::decode_base64(*json["base64"].string(), "line");
      continue;
    }
    const std::string title(*json["repository"].string());
    CAPTURE(title);
    if (json.contains("refused")) {
      CHECK_THROWS_AS(from_files(files_of(json["files"], stored)), Error);
      ++refused;
      continue;
    }
    Tokenizer t;
    try {
      t = from_files(files_of(json["files"], stored));
    } catch (const Error& e) {
      FAIL_CHECK(e.what());
      continue;
    }
    ++built;
    for (const Json& expected : json["cases"].elements()) check_case(t, expected);
    CHECK(t.vocab_size() == json["size"].integer().value());
    CHECK(t.pad_id() == json["pad"].integer().value_or(-1));
    CHECK(t.model_max_length() == json["limit"].integer().value());
    if (t.encode("a").ids.empty() || t.pad_id() < 0) continue;
    CHECK(t("a").contains("token_type_ids") == names_types(json["names"]));
    const auto ids =
        t("a", {.padding_strategy = PaddingStrategy::max_length, .max_length = 90})["input_ids"];
    const bool left = *json["side"].string() == "left";
    CHECK(ids.data<int64_t>()[left ? 0 : 89] == t.pad_id());
  }
  CHECK(built > 100);
  CHECK(refused > 0);
}

TEST_CASE("the real GPT-2 and ALBERT files give the answers of their tokenizer.json") {
  const auto check = [](const std::string& folder, const std::map<std::string, std::string>& files,
                        const char* except) {
    const std::string cases = read_maybe_xz(folder + "/cases.jsonl");
    if (cases.empty()) return;
    const Tokenizer t = from_files(files);
    size_t count = 0;
    for (const std::string& line : lines(cases)) {
      const Json expected = Json::parse(line, "case");
      const auto text = expected["text"].string();
      if (!text || expected.contains("error") || expected.contains("pair")) continue;
      if (text->find_first_of(except) != text->npos || text->find("–") != text->npos) continue;
      if (text->find("£") != text->npos || text->find("€") != text->npos) continue;
      CAPTURE(line);
      CHECK(dump(t.encode(*text).ids) == expected["ids"].dump());
      ++count;
    }
    CHECK(count > 300);
  };
  const std::string root = TERN_SHARED_DATA "/tokenizers/";
  const std::string gpt2 = root + "gpt2", albert = root + "albert-base-v1";
  check(gpt2,
        {{"vocab.json", read_maybe_xz(gpt2 + "/vocab.json")},
         {"merges.txt", read_maybe_xz(gpt2 + "/merges.txt")},
         {"config.json", R"({"model_type":"gpt2"})"}},
        "");
  // Punctuation that this tokenizer.json has as added tokens apart.
  check(albert,
        {{"spiece.model", read_maybe_xz(albert + "/spiece.model")},
         {"config.json", R"({"model_type":"albert"})"}},
        "()\"-.");
}
