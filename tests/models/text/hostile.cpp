// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile tokenizer.json files are Errors; hostile texts cost linear time and little
// stack.
#include <doctest/doctest.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/jsonl.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr const char* kModel =
    R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
    R"("max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##a":2}})";

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

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

double seconds(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  std::vector<int64_t> ids;
  for (int i = 0; i < 5; ++i) {
    timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    ids.clear();
    tokenizer.encode_ids(text, {}, ids);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    best = std::min(best, static_cast<double>(to.tv_sec - from.tv_sec) +
                              static_cast<double>(to.tv_nsec - from.tv_nsec) * 1e-9);
  }
  return best;
}

const std::vector<std::string>& hostile_units() {
  static const std::vector<std::string> units{
      "A",    " ",  "\u0301", "\U0001F468\u200D", "\xFF", std::string(1, '\0'), "a\u0301",
      "[CLS", "##", "中"};
  return units;
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

TEST_CASE("time is linear in the text, whatever it repeats") {
  const Tokenizer bert = load(TERN_TEST_DATA "/tokenizers/bert-base-uncased");
  constexpr size_t kBytes = size_t{1} << 20;
  for (const std::string& unit : hostile_units()) {
    CAPTURE(unit);
    const std::string once = repeated(unit, kBytes / unit.size());
    const std::string twice = repeated(unit, 2 * kBytes / unit.size());
    // By the best of some measurements in turn: other programs only ever make them longer.
    double one = 1e9, two = 1e9;
    for (int i = 0; i < 5 && (i == 0 || two > 2.3 * one + 1e-3); ++i) {
      one = std::min(one, seconds(bert, once));
      two = std::min(two, seconds(bert, twice));
    }
    CHECK(two <= 2.3 * one + 1e-3);
  }
}

TEST_CASE("tokenizing 10 MB of anything needs less than 128 KiB of stack") {
  static const Tokenizer bert = load(TERN_TEST_DATA "/tokenizers/bert-base-uncased");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, 128 * 1024) == 0);
  pthread_t thread;
  static size_t tokens = 0;
  const auto work = [](void*) -> void* {
    for (const std::string& unit : hostile_units()) {
      const std::string text = repeated(unit, 10'000'000 / unit.size());
      std::vector<int64_t> ids;
      bert.encode_ids(text, {}, ids);
      tokens += ids.size();
    }
    const std::string mixed = repeated("\u302e\u0301 Zoë", 100000);  // a rare mark: separate stages
    tokens += bert.encode(mixed, {.want_tokens = true}).ids.size();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, work, nullptr) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  CHECK(tokens > 1000000);
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
