// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile tokenizer.json files and requests are Errors.
#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/jsonl.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr const char* kModel =
    R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
    R"("max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##a":2}})";

struct Bad {
  std::string json;
  ErrorCode code;
  const char* message;
};

void check_error(const Bad& bad) {
  CAPTURE(bad.json.substr(0, 200));
  try {
    AutoTokenizer::from_json(bad.json, "tokenizer.json");
    FAIL_CHECK("accepted");
  } catch (const Error& e) {
    CAPTURE(e.what());
    CHECK(e.code() == bad.code);
    CHECK(std::string(e.what()).find(bad.message) != std::string::npos);
  }
}

std::string with_vocab(const char* vocab) {
  return cat(R"({"model":{"type":"WordPiece","vocab":)", vocab, "}}");
}

}  // namespace

TEST_CASE("a damaged or hostile tokenizer.json is an Error that names what is wrong") {
  const std::string sequence = R"({"type":"Sequence","normalizers":[)";
  const std::string deep = cat(R"({"normalizer":)", repeated(sequence, 100000), "null",
                               repeated("]}", 100000), ",", kModel, "}");
  const std::string nested = cat(R"({"normalizer":)", repeated(sequence, 100), "null",
                                 repeated("]}", 100), ",", kModel, "}");
  const std::vector<Bad> table{
      {"", ErrorCode::corrupt, "tokenizer.json"},
      {"[]", ErrorCode::corrupt, "object"},
      {"{}", ErrorCode::corrupt, "model"},
      {deep, ErrorCode::corrupt, ""},
      {nested, ErrorCode::corrupt, "nest"},
      {with_vocab("[]"), ErrorCode::corrupt, "vocab"},
      {with_vocab(R"({"a":-1})"), ErrorCode::corrupt, "-1"},
      {with_vocab(R"({"a":2147483648})"), ErrorCode::corrupt, "2147483648"},
      {with_vocab(R"({"a":1e30})"), ErrorCode::corrupt, "integer"},
      {with_vocab(R"({"a":"1"})"), ErrorCode::corrupt, "integer"},
      {R"({"model":{"type":"Markov","vocab":{}}})", ErrorCode::unsupported, "Markov"},
      {cat(R"({"normalizer":{"type":"Oracle"},)", kModel, "}"), ErrorCode::unsupported, "Oracle"},
      {cat(R"({"normalizer":3,)", kModel, "}"), ErrorCode::corrupt, "normalizer"},
      {cat(R"({"normalizer":{"type":"BertNormalizer","lowercase":1},)", kModel, "}"),
       ErrorCode::corrupt, "lowercase"},
      {cat(R"({"pre_tokenizer":{"type":"Oracle"},)", kModel, "}"), ErrorCode::unsupported,
       "Oracle"},
      {cat(R"({"decoder":{"type":"Oracle"},)", kModel, "}"), ErrorCode::unsupported, "Oracle"},
      {cat(R"({"decoder":{"type":"Strip","content":"ab","start":0,"stop":0},)", kModel, "}"),
       ErrorCode::corrupt, "one character"},
      {cat(R"({"decoder":{"type":"Replace","pattern":{},"content":""},)", kModel, "}"),
       ErrorCode::corrupt, "pattern"},
      {cat(R"({"normalizer":{"type":"Replace","pattern":{"Regex":"("},"content":""},)", kModel,
           "}"),
       ErrorCode::corrupt, "Replace"},
      {cat(R"({"normalizer":{"type":"Precompiled","precompiled_charsmap":"//8="},)", kModel, "}"),
       ErrorCode::corrupt, "charsmap"},
      {cat(R"({"normalizer":{"type":"Precompiled","precompiled_charsmap":"A-"},)", kModel, "}"),
       ErrorCode::corrupt, "base64"},
      {cat(R"({"post_processor":{"type":"Sequence","processors":[)",
           R"({"type":"BertProcessing","sep":["[UNK]",0],"cls":["[UNK]",0]},)",
           R"({"type":"BertProcessing","sep":["[UNK]",0],"cls":["[UNK]",0]}]},)", kModel, "}"),
       ErrorCode::unsupported, "templates"},
      {cat(R"({"post_processor":{"type":"BertProcessing","sep":["x"],"cls":["y",1]},)", kModel,
           "}"),
       ErrorCode::corrupt, "sep"},
      {cat(R"({"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],)",
           R"("pair":[],"special_tokens":{}},)", kModel, "}"),
       ErrorCode::corrupt, "'x'"},
      {cat(R"({"added_tokens":[{"content":7}],)", kModel, "}"), ErrorCode::corrupt, "content"},
      {cat(R"({"added_tokens":{"a":1},)", kModel, "}"), ErrorCode::corrupt, "added_tokens"},
  };
  for (const Bad& bad : table) check_error(bad);
}

TEST_CASE("what is large in a tokenizer.json is read, or refused, within two seconds" *
          NeedsRegex()) {
  constexpr size_t kLarge = size_t{1} << 20;
  const std::string piece(kLarge, 'a');
  std::string added, normalizers, steps;
  for (size_t i = 1; i <= 20000; ++i) {
    added += cat(i == 1 ? "" : ",", R"({"id":)", i, R"(,"content":")",
                 std::string(i % 400 + 1, 'a'), i, R"(","normalized":true})");
    normalizers += R"({"type":"NFC"},)";
    steps += R"({"SpecialToken":{"id":"a","type_id":0}},)";
  }
  const auto with = [](std::string_view component) {
    return cat("{", component, ",", kModel, "}");
  };
  const auto split = [](const std::string& regex) {
    return cat(R"({"type":"Split","pattern":{"Regex":")", regex,
               R"("},"behavior":"Isolated","invert":false})");
  };
  const auto splits = [&](const std::string& regex) {
    return with(cat(R"("pre_tokenizer":)", split(regex)));
  };
  const std::string nearly_a_scanner = split(
      R"re([A-Za-z]{1,30}[a-z]{1,30}\\p{L}|(?:\\w{1,30}\\w{1,30}[^\\n]{0,9}(?=b|$))(?=\\p{L}))re"
      R"re(|a*+[a-z]++(?=b|$))re");
  const std::pair<const char*, std::string> table[] = {
      {"a WordPiece token of 1 MB", with_vocab(cat(R"({"[UNK]":0,")", piece, R"(":1})").c_str())},
      {"a BPE token of 1 MB",
       cat(R"({"model":{"type":"BPE","vocab":{"a":0,")", piece, R"(":1},"merges":[]}})")},
      {"a Unigram piece of 1 MB",
       cat(R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["?",0],[")", piece, R"(",-1]]}})")},
      {"an added token of 1 MB",
       with(cat(R"("added_tokens":[{"id":9,"content":")", piece, R"("}])"))},
      {"20,000 added tokens", with(cat(R"("added_tokens":[)", added, "]"))},
      {"20,000 normalizers", with(cat(R"("normalizer":{"type":"Sequence","normalizers":[)",
                                      normalizers, R"({"type":"NFC"}]})"))},
      {"a template of 20,000 pieces",
       with(
           cat(R"("post_processor":{"type":"TemplateProcessing","single":[)", steps,
               R"({"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"a":{"id":"a",)",
               R"("ids":[1],"tokens":["a"]}}})"))},
      {"a replaced text of 1 MB",
       with(cat(R"("normalizer":{"type":"Replace","pattern":{"String":")", piece,
                R"("},"content":"b"})"))},
      {"an expression of 1 MB", splits(piece)},
      {"an expression of 10^5 choices", splits(repeated("a|", 100000))},
      {"an expression of 10^5 parentheses",
       splits(cat(repeated("(", 100000), repeated(")", 100000)))},
      {"counted repetitions in each other",
       splits(cat(repeated("(", 9), "a", repeated("){9}", 9)))},
      {"expressions that are nearly scanners",
       with(cat(R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[)",
                repeated(nearly_a_scanner + ",", 9), nearly_a_scanner, "]}"))},
      {"choices without end", splits("(?:a|a?)+b")},
      {"a class of 10^5 ranges", splits(cat("[", repeated("a-zÀ-ÿ", 50000), "]+"))},
  };
  for (const auto& large : table) {
    CAPTURE(std::string(large.first));
    const double begin = cpu_seconds();
    try {
      const Tokenizer tokenizer = AutoTokenizer::from_json(large.second, "tokenizer.json");
      tokenizer.encode(std::string(1000, 'a'), {.want_tokens = true});
    } catch (const Error& e) {
      CHECK(e.code() != ErrorCode::internal);
    }
    if (!kInstrumented) CHECK(cpu_seconds() - begin < 2);
  }
}

TEST_CASE("of added tokens of thousands of bytes the longest is found, and each but once") {
  const auto a = [](size_t n) { return std::string(n, 'a'); };
  const std::vector<std::string> contents = {a(4095),       a(5000) + "b", a(4097), a(4096),
                                             a(5000) + "c", a(4097),       a(9000), "b"};
  std::string added;
  for (size_t i = 0; i < contents.size(); ++i)
    added += cat(i == 0 ? "" : ",", R"({"id":)", 100 + i, R"(,"content":")", contents[i], R"("})");
  const Tokenizer tokenizer =
      AutoTokenizer::from_json(cat(R"({"added_tokens":[)", added, "],", kModel, "}"), "t");
  const auto ids = [&](const std::string& text) { return tokenizer.encode(text).ids; };
  const auto become = [&](const std::string& text, const std::vector<std::string>& tokens) {
    std::vector<int64_t> expected;
    for (const std::string& token : tokens) expected.push_back(tokenizer.token_to_id(token));
    return ids(text) == expected;
  };
  CHECK(tokenizer.vocab_size() == 3 + 7);
  CHECK(become(a(4095) + "b", {a(4095), "b"}));
  CHECK(become(a(4096), {a(4096)}));
  CHECK(become(a(4096) + "b", {a(4096), "b"}));
  CHECK(become(a(4097) + "b", {a(4097), "b"}));
  CHECK(become(a(4096 + 4097), {a(4097), a(4096)}));
  CHECK(become(a(5000) + "bb", {a(5000) + "b", "b"}));
  CHECK(become(a(5000) + "c", {a(5000) + "c"}));
  CHECK(become(a(9000) + "b" + a(4096), {a(9000), "b", a(4096)}));
}

TEST_CASE("ids may be sparse up to 2^31 - 1 without memory for the holes") {
  const Tokenizer t =
      AutoTokenizer::from_json(with_vocab(R"({"[UNK]":2147483647,"a":7,"a":9})"), "t");
  CHECK(t.encode("a").ids == std::vector<int64_t>{9});
  CHECK(t.encode("b").ids == std::vector<int64_t>{2147483647});
  CHECK(t.id_to_token(2147483647) == "[UNK]");
  CHECK(t.id_to_token(7).empty());
  CHECK(t.id_to_token(-1).empty());
  CHECK(t.token_to_id("a") == 9);
  CHECK(t.vocab_size() == 2);
}

TEST_CASE("a NUL in a text or a token is a character like any other") {
  const Tokenizer t = AutoTokenizer::from_json(
      with_vocab(R"({"[UNK]":0,"a":1,"##b":2,"##\u0000c":3,"d\u0000":4})"), "t");
  const auto ids = [&](std::string_view text) { return t.encode(text).ids; };
  CHECK(ids({"a\0", 2}) == std::vector<int64_t>{0});
  CHECK(ids({"a\0b", 3}) == std::vector<int64_t>{0});
  CHECK(ids({"a\0c", 3}) == std::vector<int64_t>{1, 3});
  CHECK(ids({"d\0b", 3}) == std::vector<int64_t>{4, 2});
}

TEST_CASE("a missing unknown token is an error of the text that needs it, not of the file") {
  const Tokenizer t = AutoTokenizer::from_json(with_vocab(R"({"a":0})"), "t");
  CHECK(t.encode("a").ids == std::vector<int64_t>{0});
  CHECK_THROWS_WITH_AS(t.encode("b"), "WordPiece error: Missing [UNK] token from the vocabulary",
                       Error);
  CHECK(text::answer_jsonl(t, R"({"text":"b"})", false).starts_with(R"({"error":)"));
}

TEST_CASE("requests that cannot be answered give an error line") {
  const Tokenizer bert = load(TERN_TEST_DATA "/tokenizers/bert-base-uncased");
  for (const char* request :
       {"", "{", "[]", "{}", R"({"text":1})", R"({"batch":1})", R"({"batch":[[]]})",
        R"({"batch":[["a"]],"truncation":{"max_length":-1}})",
        R"({"batch":[["a"]],"padding":{"length":1099511627776}})",
        R"({"batch":[["a"]],"padding":{"direction":"up"}})",
        R"({"text":"a","add_special_tokens":"no"})"}) {
    CAPTURE(request);
    CHECK(text::answer_jsonl(bert, request, true).starts_with(R"({"error":")"));
  }
}
