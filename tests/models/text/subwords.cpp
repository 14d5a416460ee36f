// SPDX-License-Identifier: Apache-2.0
// BPE and Unigram: the reference's answers for odd vocabularies (made by make_subwords.py), bytes
// against the byte-level alphabet, time, and hostile tables.
#include "subwords.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/subwords/bpe.h"
#include "../../../models/text/subwords/json_score.h"
#include "../../../models/text/subwords/unigram.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/utf8.h"
#include "cases.h"
#include "linear_time.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

/// The reference's tokens of `text`, written likewise. It places the bytes of a suffix behind the
/// text; here they are empty places at its end.
std::string expected_answer(const Json& tokens, std::string_view text) {
  if (tokens.is_null()) return "null";
  const auto size = static_cast<int64_t>(text.size());
  Tokens out;
  for (const Json& t : tokens.elements()) {
    const auto number = [&](size_t i) { return t.elements()[i].integer().value(); };
    out.push_back({static_cast<int32_t>(number(0)),
                   static_cast<uint32_t>(std::min(number(1), size)),
                   static_cast<uint32_t>(std::min(number(2), size))});
  }
  return written(out);
}

/// The tokens as JSON, or null when the text is refused.
std::string answer(const TextModel& model, std::string_view text) {
  Tokens out;
  try {
    model.tokenize(text, out);
  } catch (const Error&) {
    return "null";
  }
  return written(out);
}

std::unique_ptr<TextModel> model_of(const std::string& json) {
  return parse_text_model(Json::parse(json, "model"));
}

/// The model of a real tokenizer.json, or null without the shared data.
std::unique_ptr<TextModel> real_model(const std::string& name) {
  const std::string text =
      read_maybe_xz(cat(TERN_SHARED_DATA "/tokenizers/", name, "/tokenizer.json"));
  if (text.empty()) {
    MESSAGE("skipped: no shared data at " TERN_SHARED_DATA);
    return nullptr;
  }
  return parse_text_model(Json::parse(text, "tokenizer.json")["model"]);
}

}  // namespace

TEST_CASE("odd BPE and Unigram models give the reference's tokens, and are refused where it does") {
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/subwords.jsonl"));
  REQUIRE(all.size() > 200);
  size_t linear = 0, texts = 0;
  for (const std::string& line : all) {
    CAPTURE(line.substr(0, 500));
    const Json expected = Json::parse(line, "case");
    std::unique_ptr<TextModel> model;
    try {
      model = parse_text_model(expected["model"]);
    } catch (const Error& e) {
      CAPTURE(e.what());
      CHECK(!expected.contains("cases"));
      continue;
    }
    REQUIRE(expected.contains("cases"));
    const auto* bpe = dynamic_cast<const Bpe*>(model.get());
    linear += bpe && bpe->linear();
    for (const Json& c : expected["cases"].elements()) {
      const std::string_view text = *c.elements()[0].string();
      CAPTURE(std::string(text));
      CHECK(answer(*model, text) == expected_answer(c.elements()[1], text));
      ++texts;
    }
  }
  CHECK(texts > 1500);
  CHECK(linear > 100);
}

TEST_CASE("bytes give the ids of the same piece in the byte-level alphabet") {
  for (const char* name : {"gpt2", "llama3", "small/bpe-byte-level-normalizer"}) {
    const auto model = real_model(name);
    if (!model) return;
    const auto* bpe = dynamic_cast<const Bpe*>(model.get());
    REQUIRE(bpe);
    REQUIRE(bpe->byte_level());
    std::mt19937 rng(3);
    for (int i = 0; i < 20000; ++i) {
      std::string bytes, mapped;
      const bool wild = rng() % 4 == 0;
      for (size_t k = 1 + rng() % 24; k > 0; --k) {
        const auto byte = static_cast<uint8_t>(wild ? rng() : rng() % 8 ? 'a' + rng() % 26 : ' ');
        bytes += static_cast<char>(byte);
        append_char(mapped, character_of_byte(byte));
      }
      Tokens by_bytes, by_text, defined;
      bpe->tokenize_bytes(bytes, by_bytes);
      bpe->tokenize(mapped, by_text);
      const int32_t whole = std::string_view(name) == "llama3" ? bpe->vocabulary.find(mapped) : -1;
      if (whole >= 0)
        defined.push_back({whole, 0, static_cast<uint32_t>(mapped.size())});
      else
        bpe->tokenize_by_queue(mapped, defined);
      CAPTURE(mapped);
      CHECK(written(by_text) == written(defined));
      REQUIRE(by_bytes.size() == by_text.size());
      for (size_t k = 0; k < by_bytes.size(); ++k) CHECK(by_bytes[k].id == by_text[k].id);
    }
  }
}

// The factor depends on the vocabulary's longest piece, and on how much of it a text repeats: these
// vocabularies and units show that it does not grow with the text.
TEST_CASE("a whole text as one piece takes linear time, whichever unit it repeats") {
  const char* units[] = {"a",       "▁",          "\u0301", "\U0001F468\u200D",
                         "a\u0301", "▁the▁quick", "中",     "\n"};
  Tokens out;
  for (const std::string name : {"llama2", "gemma3", "albert-base-v1"}) {
    CAPTURE(name);
    const auto model = real_model(name);
    if (!model) return;
    const auto tokenize = [&](std::string_view text) {
      out.clear();
      model->tokenize(text, out);
    };
    for (const std::string unit : units) {
      CAPTURE(unit);
      constexpr size_t kBytes = size_t{1} << 18;
      CHECK(linear_time(tokenize, repeated(unit, kBytes / unit.size()),
                        repeated(unit, 2 * kBytes / unit.size())));
    }
  }
}

TEST_CASE("scores are read as the reference's JSON reader reads them") {
  // Where dropping and rounding digits twice shows; the nearest doubles are others.
  CHECK(json_score("-15.275492379532281") == -15.27549237953228);
  CHECK(json_score("-9.908701741838819") == -9.90870174183882);
  CHECK(json_score("-1.8771917354846979") == -1.877191735484698);
  CHECK(json_score("-2.5") == -2.5);
  CHECK(json_score("7") == 7.0);
  CHECK(json_score("1E-3") == 1e-3);
  CHECK(json_score("-0.0") == 0.0);
  CHECK(json_score("-1e-400") == 0.0);
  CHECK(json_score("123456789012345678901234567890") == 1.2345678901234567e29);
  for (const char* text :
       {"", "-", "NaN", "Infinity", "1e400", "-1e400", "x", "1x", "1e999999999999"}) {
    CAPTURE(text);
    CHECK(!json_score(text));
  }
}

TEST_CASE("hostile BPE and Unigram tables are errors, or small and quick") {
  struct Bad {
    std::string json;
    const char* message;
  };
  const Bad bad[] = {
      {R"({"type":"BPE","vocab":[],"merges":[]})", "vocab"},
      {R"({"type":"BPE","vocab":{},"merges":{}})", "merges"},
      {R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})", "'b'"},
      {R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]})", "'ab'"},
      {R"({"type":"BPE","vocab":{"a":4294967296},"merges":[]})", "4294967296"},
      {R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"],"continuing_subword_prefix":"##"})",
       "'b'"},
      {R"({"type":"BPE","vocab":{},"merges":[],"unk_token":7})", "unk_token"},
      {R"({"type":"Unigram","vocab":[["a",1e999]]})", "score"},
      {R"({"type":"Unigram","vocab":[["a",NaN]]})", "score"},
      {R"({"type":"Unigram","vocab":[["a",0]],"unk_id":1e30})", "unk_id"},
      {R"({"type":"Unigram","vocab":[["a",0]],"unk_id":1})", "unk_id"},
      {R"({"vocab":{"a":0}})", "type"},
  };
  for (const Bad& b : bad) {
    CAPTURE(b.json);
    try {
      model_of(b.json);
      FAIL_CHECK("accepted");
    } catch (const Error& e) {
      CAPTURE(e.what());
      CHECK(e.code() == ErrorCode::corrupt);
      CHECK(std::string(e.what()).find(b.message) != std::string::npos);
    }
  }
  // Ids far apart, a piece of a megabyte, ids of two tokens the same.
  const auto sparse =
      model_of(R"({"type":"BPE","vocab":{"a":2147483647,"b":5,"ab":7},"merges":["a b"]})");
  CHECK(answer(*sparse, "aba") == "[[7,0,2],[2147483647,2,3]]");
  const std::string large(1 << 20, 'a');
  const auto unigram = model_of(
      cat(R"({"type":"Unigram","unk_id":0,"vocab":[["?",0],["a",-1],[")", large, R"(",-2]]})"));
  CHECK(answer(*unigram, large.substr(0, 3)) == "[[1,0,1],[1,1,2],[1,2,3]]");
  // Runs of one letter up to 512: every place begins 512 tokens.
  std::string vocab = R"("a":0)", merges;
  for (int i = 2; i <= 512; ++i) {
    vocab += cat(",\"", std::string(static_cast<size_t>(i), 'a'), "\":", i - 1);
    merges +=
        cat(merges.empty() ? "\"" : ",\"", std::string(static_cast<size_t>(i - 1), 'a'), " a\"");
  }
  const auto runs =
      model_of(cat(R"({"type":"BPE","vocab":{)", vocab, R"(},"merges":[)", merges, "]}"));
  Tokens out;
  const double from = cpu_seconds();
  runs->tokenize(std::string(1 << 16, 'a'), out);
  CHECK(cpu_seconds() - from < 2);
}
