// SPDX-License-Identifier: Apache-2.0
// The one pass of byte-level tokenizers against the separate stages, and what it is made of.
#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "../../../engine/base/format.h"
#include "../../../models/text/regex/scanners.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/nfc_check.h"
#include "../../../models/text/unicode/unicode.h"
#include "../../../models/text/word_cache.h"
#include "cases.h"
#include "needs_regex.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;

namespace {

/// The bytes and some merges; with `known` false the pattern is written so that no scanner has it.
Tokenizer small(std::string_view normalizer, bool known) {
  std::string vocab, merges;
  int id = 0;
  const auto add = [&](std::string_view token) {
    vocab += cat(id == 0 ? "" : ",", hub::json_quote(token), ":", id);
    ++id;
  };
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    append_char(token, character_of_byte(static_cast<uint8_t>(byte)));
    add(token);
  }
  const std::pair<const char*, const char*> pairs[] = {
      {"t", "h"}, {"th", "e"}, {"Ġ", "the"}, {"Ã", "©"}, {"a", "b"}, {"ab", "ab"}, {"Ġ", "Ġ"}};
  for (const auto& [left, right] : pairs) {
    add(cat(left, right));
    merges += cat(merges.empty() ? "" : ",", hub::json_quote(cat(left, " ", right)));
  }
  const std::string pattern = known ? std::string(kCl100kPattern) : cat("(?:", kCl100kPattern, ")");
  return AutoTokenizer::from_json(
      cat(R"({"normalizer":)", normalizer,
          R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)",
          R"({"type":"Split","pattern":{"Regex":)", hub::json_quote(pattern),
          R"(},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,)",
          R"("trim_offsets":true,"use_regex":false}]},"added_tokens":[)",
          R"({"id":300,"content":"<x>","special":true,"normalized":false,"rstrip":true},)",
          R"({"id":301,"content":"the é","special":false,"normalized":true,"lstrip":true}],)",
          R"("model":{"type":"BPE","vocab":{)", vocab, R"(},"merges":[)", merges, "]}}"),
      "tokenizer.json");
}

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kParts = {"the",
                                                  " the",
                                                  "abab",
                                                  "é",
                                                  "e\u0301",
                                                  "the é",
                                                  "<x>",
                                                  " ",
                                                  "  ",
                                                  "\n",
                                                  "\r\n",
                                                  "'s",
                                                  "'LL",
                                                  "1",
                                                  "23",
                                                  "4567",
                                                  "世",
                                                  "😀",
                                                  ".",
                                                  "..",
                                                  "\t",
                                                  "\u00a0",
                                                  "한",
                                                  "\u1112\u1161",
                                                  "Ω",
                                                  "\u2126",
                                                  "\u0958",
                                                  "x",
                                                  "Ab",
                                                  "-",
                                                  "<",
                                                  "\u0915\u093c",
                                                  "ſ",
                                                  std::string(1, '\0'),
                                                  "averyveryverylongword",
                                                  "ÀÀÀÀÀÀÀÀÀÀ"};
  std::string out;
  for (size_t n = random() % 12; n > 0; --n) out += kParts[random() % kParts.size()];
  return out;
}

}  // namespace

TEST_CASE("the byte-level pass gives what the stages give: ids, offsets, tokens and words" *
          NeedsRegex()) {
  std::mt19937 random(3);
  for (const char* normalizer : {"null", R"({"type":"NFC"})"}) {
    const Tokenizer fast = small(normalizer, true), stages = small(normalizer, false);
    for (int round = 0; round < 20000; ++round) {
      const std::string text = random_text(random);
      CAPTURE(text);
      const Encoding a = fast.encode(text, {.want_tokens = true});
      const Encoding b = stages.encode(text, {.want_tokens = true});
      REQUIRE(a.ids == b.ids);
      REQUIRE(a.offsets == b.offsets);
      REQUIRE(a.tokens == b.tokens);
      REQUIRE(a.word_ids == b.word_ids);
      REQUIRE(fast.encode(text).ids == a.ids);
    }
  }
}

TEST_CASE("a text of which NfcCheck says yes is what its normal form is") {
  const NfcCheck check;
  const auto unchanged = [](std::string_view text) {
    std::vector<Change> form;
    normal_form(text, NormalForm::nfc, form);
    std::string out;
    for (const Change& c : form) append_char(out, c.c);
    return out == text;
  };
  std::vector<char32_t> inert;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_char(text, c);
    if (!check.is_nfc(text)) continue;
    REQUIRE(unchanged(text));
    if (c >= 0xC0 && (c < 0x3400 || c > 0xD7A3)) inert.push_back(c);
  }
  CHECK(inert.size() > 100000);
  CHECK(check.is_nfc("plain, and longer than eight bytes; déjà vu, Việt Nam, 한국, 世界"));
  std::mt19937 random(9);
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    for (int i = 0; i < 4; ++i)
      append_char(text, inert[random() % (round % 2 ? inert.size() : 4000)]);
    REQUIRE(unchanged(text));
  }
}

TEST_CASE("the word cache keeps what was put last, in memory of a fixed size, for all threads") {
  static_assert(WordCache::kBytes == 8 << 20);
  WordCache cache;
  const auto word = [](uint64_t n) {
    return CachedWord{{n * 0x9E3779B97F4A7C15u, n, ~n}, CachedWord::kMost};
  };
  const auto check = [&](uint64_t n) {
    WordCache::Entry entry;
    const auto id = static_cast<int32_t>(n);
    const size_t place = cache.place(word(n));
    if (!cache.find(place, word(n), entry)) {
      cache.put(place, word(n), {{id, WordCache::kMostId - id}, {5, 19}, 2});
      return true;
    }
    return entry.count == 2 && entry.ids[0] == id && entry.ids[1] == WordCache::kMostId - id &&
           entry.sizes[0] == 5 && entry.sizes[1] == 19;
  };
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 300000; ++i) wrong += !check(random() % 100000);
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  // An entry holds eight tokens; the same bytes as a shorter word, or of another kind, are another.
  WordCache::Entry entry;
  const auto load = [](std::string_view text, unsigned kind) {
    return CachedWord::load(text, 0, text.size(), kind);
  };
  const CachedWord full = load("a word of 24 bytes, long", 1);
  const WordCache::Entry eight = {{1, 2, 3, 4, 5, 6, 7, WordCache::kMostId}, {1, 2, 3}, 8};
  cache.put(cache.place(full), full, eight);
  REQUIRE(cache.find(cache.place(full), full, entry));
  CHECK(entry.ids == eight.ids);
  CHECK(entry.sizes == eight.sizes);
  for (const CachedWord& other : {load("a word of 24 bytes, long", 2), load(std::string(24, 0), 1),
                                  load("a word of 24 bytes, lon", 1)}) {
    CHECK_FALSE(cache.find(cache.place(full), other, entry));
  }
  for (size_t size = 0; size <= CachedWord::kMost; ++size) {
    const std::string text = std::string(size, 'x');
    const CachedWord padded = CachedWord::load(text, 0, size, 0);
    const CachedWord inside = CachedWord::load(text + std::string(30, 'y'), 0, size, 0);
    CHECK(std::equal(padded.bytes, padded.bytes + 3, inside.bytes));
    CHECK(std::string(reinterpret_cast<const char*>(padded.bytes), 24) ==
          text + std::string(24 - size, '\0'));
  }
}
