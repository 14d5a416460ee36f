// SPDX-License-Identifier: Apache-2.0
// TextStream: decoding id by id.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/format.h"
#include "../../../models/text/text_stream.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/utf8.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

/// A vocabulary of the 256 bytes and some words; 260 is "a" and a byte, 261 special.
Tokenizer of_bytes(std::string_view decoder, bool alphabet) {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    const char* hex = "0123456789ABCDEF";
    if (alphabet)
      text::append_char(token, text::character_of_byte(static_cast<uint8_t>(byte)));
    else
      token = {'<', '0', 'x', hex[byte / 16], hex[byte % 16], '>'};
    vocab += cat(hub::json_quote(token), ":", byte, ",");
  }
  return AutoTokenizer::from_json(
      cat(R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{)", vocab,
          R"("▁the":256,"▁世":257,"Ġx":258,"▁":259,"aä":260}},)",
          R"("added_tokens":[{"id":261,"content":"<s>","special":true}],"decoder":)", decoder, "}"),
      "tokenizer.json");
}

constexpr std::string_view kByteLevel = R"({"type":"ByteLevel","add_prefix_space":true,)"
                                        R"("trim_offsets":true,"use_regex":true})";
constexpr std::string_view kLlama =
    R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},)"
    R"({"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";

void check_stream(const Tokenizer& tokenizer, const std::vector<int64_t>& ids, bool exact,
                  bool skip = false) {
  TextStream stream(tokenizer, skip);
  std::string all, scratch;
  for (const int64_t id : ids) {
    const std::string part = stream.push(id);
    CHECK(text::valid_utf8(part, scratch).data() == part.data());
    all += part;
  }
  all += stream.finish();
  if (exact) CHECK(all == tokenizer.decode(ids, {.skip_special_tokens = skip}));
}

double seconds(const Tokenizer& tokenizer, const std::vector<int64_t>& unit, size_t count) {
  const double from = cpu_seconds();
  TextStream stream(tokenizer);
  for (size_t i = 0; i < count; ++i) stream.push(unit[i % unit.size()]);
  stream.finish();
  return cpu_seconds() - from;
}

}  // namespace

TEST_CASE("a stream gives whole characters as soon as they are certain") {
  const Tokenizer tokenizer = of_bytes(kByteLevel, true);
  TextStream stream(tokenizer);
  CHECK(stream.push('a') == "a");
  CHECK(stream.push(0xE4).empty());
  CHECK(stream.push(0xB8).empty());
  CHECK(stream.push(0x96) == "世");
  CHECK(stream.push(0xE4).empty());
  CHECK(stream.push('b') == "\uFFFDb");
  CHECK(stream.push(0xF0).empty());
  CHECK(stream.finish() == "\uFFFD");
  CHECK(stream.push('c') == "c");
}

TEST_CASE("characters that are spelt in byte tokens come out whole") {
  const Tokenizer tokenizer = of_bytes(kLlama, false);
  std::vector<int64_t> ids = {259, 256};
  for (const char c : std::string("世 😀é")) ids.push_back(static_cast<unsigned char>(c));
  ids.push_back(257);
  check_stream(tokenizer, ids, true);
  TextStream stream(tokenizer);
  CHECK(stream.push(256) == "the");
  CHECK(stream.push(0xE4).empty());
  CHECK(stream.push(0xB8).empty());
  CHECK(stream.push(0x96) == "世");
  CHECK(stream.push(256) == " the");
}

TEST_CASE("the parts of a stream are the decoded text, and whole characters whatever the ids") {
  std::mt19937 random(11);
  const std::string text = "a世é 😀 x\u0301 –";
  for (const bool bytes : {true, false}) {
    const Tokenizer tokenizer = of_bytes(bytes ? kByteLevel : kLlama, bytes);
    for (int round = 0; round < 2000; ++round) {
      std::vector<int64_t> ids;
      for (int i = 0; i < 12; ++i) {
        const uint32_t kind = random() % 4;
        if (kind == 0) ids.push_back(static_cast<int64_t>(random() % 260));
        if (kind == 1) ids.push_back(static_cast<int64_t>(256 + random() % 4));
        size_t begin = random() % text.size(), end = begin + random() % 5;
        if (kind == 3) begin = 0, end = text.size();
        for (size_t k = begin; kind > 1 && k < std::min(end, text.size()); ++k) {
          ids.push_back(static_cast<unsigned char>(text[k]));
        }
      }
      CAPTURE(round);
      check_stream(tokenizer, ids, bytes);
    }
  }
}

TEST_CASE("long runs of ids that are unfinished or empty are decoded exactly, in linear time") {
  const Tokenizer tokenizer = of_bytes(kByteLevel, true);
  constexpr int64_t kSpecial = 261, kUnknown = 1 << 20;
  const std::vector<std::vector<int64_t>> units = {
      {0x80}, {0xE4, 0xB8}, {0xF0, 0x9F, 0x98}, {0xFF, 0xE4}, {260}, {kSpecial}, {kUnknown}};
  for (const std::vector<int64_t>& unit : units) {
    CAPTURE(unit[0]);
    // Before and after a run: nothing, a whole character, parts of one.
    const std::vector<std::vector<int64_t>> ends = {
        {}, {'x'}, {0xE4, 0xB8}, {0xE4, kSpecial, 0xB8, kSpecial}, {0x96, 'y'}};
    for (const auto& first : ends) {
      for (const auto& last : ends) {
        for (size_t count = 100; count < 500; count += 57) {
          std::vector<int64_t> ids = first;
          for (size_t i = 0; i < count; ++i) ids.push_back(unit[i % unit.size()]);
          ids.insert(ids.end(), last.begin(), last.end());
          check_stream(tokenizer, ids, true, false);
          check_stream(tokenizer, ids, true, true);
        }
      }
    }
    double one = 1e9, four = 1e9;
    for (int i = 0; i < 40 && (i == 0 || four > 4.6 * one + 1e-3); ++i) {
      one = std::min(one, seconds(tokenizer, unit, 20'000));
      four = std::min(four, seconds(tokenizer, unit, 80'000));
    }
    CHECK(four <= 4.6 * one + 1e-3);
  }
}

TEST_CASE("special tokens that are skipped do not part the bytes of a character") {
  const std::vector<int64_t> specials(500, 261);
  std::vector<int64_t> ids;
  for (const int64_t byte : {0xE4, 0xB8, 0x96}) {
    ids.push_back(byte);
    ids.insert(ids.end(), specials.begin(), specials.end());
  }
  const Tokenizer tokenizer = of_bytes(kByteLevel, true);
  CHECK(tokenizer.decode(ids, {.skip_special_tokens = true}) == "世");
  check_stream(tokenizer, ids, true, true);
}

TEST_CASE("a stream cleans no spaces up, whatever the tokenizer's files say") {
  const Tokenizer tokenizer = from_files(
      {{"tokenizer.json",
        R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0,"it":1,"'s":2,".":3}}})"},
       {"tokenizer_config.json", R"({"clean_up_tokenization_spaces":true})"}});
  const std::vector<int64_t> ids = {1, 2, 0, 3};
  TextStream stream(tokenizer);
  std::string all;
  for (const int64_t id : ids) all += stream.push(id);
  all += stream.finish();
  CHECK(all == "it 's a .");
  CHECK(all == tokenizer.decode(ids, {.clean_up_tokenization_spaces = false}));
  CHECK(tokenizer.decode(ids) == "it's a.");
}
