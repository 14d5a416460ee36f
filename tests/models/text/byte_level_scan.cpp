// SPDX-License-Identifier: Apache-2.0
// The one pass of byte-level tokenizers against the separate stages, and what it is made of.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <thread>

#include "../../../engine/base/format.h"
#include "../../../models/text/regex/scanners.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/nfc_check.h"
#include "../../../models/text/unicode/unicode.h"
#include "../../../models/text/word_cache.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

std::string split(std::string_view pattern) {
  return cat(R"({"type":"Split","pattern":{"Regex":)", hub::json_quote(pattern),
             R"(},"behavior":"Isolated","invert":false},)");
}

/// Matches nothing, which no scanner knows: what has it goes through the stages.
const std::string kNothing = split("(?<=x)(?<!x)x");

/// The bytes and some merges, behind pre-tokenizers that end with ByteLevel's options.
Tokenizer small(std::string_view normalizer, std::string_view cuts, bool one_pass,
                std::string_view use_regex = "false") {
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
  return AutoTokenizer::from_json(
      cat(R"({"normalizer":)", normalizer,
          R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)", one_pass ? "" : kNothing,
          cuts, R"({"type":"ByteLevel","add_prefix_space":false,)",
          R"("trim_offsets":true,"use_regex":)", use_regex, R"(}]},"added_tokens":[)",
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
                                                  "ÀÀÀÀÀÀÀÀÀÀ",
                                                  "あ",
                                                  "²",
                                                  "x!y",
                                                  "。"};
  std::string out;
  for (size_t n = random() % 12; n > 0; --n) out += kParts[random() % kParts.size()];
  return out;
}

}  // namespace

void compare(const Tokenizer& fast, const Tokenizer& stages, const std::string& text) {
  CAPTURE(text);
  const Encoding a = fast.encode(text, {.want_tokens = true});
  const Encoding b = stages.encode(text, {.want_tokens = true});
  REQUIRE(a.ids == b.ids);
  REQUIRE(a.offsets == b.offsets);
  REQUIRE(a.tokens == b.tokens);
  REQUIRE(a.word_ids == b.word_ids);
  REQUIRE(fast.encode(text).ids == a.ids);
}

TEST_CASE("the byte-level pass gives what the stages give: ids, offsets, tokens and words" *
          NeedsRegex()) {
  std::mt19937 random(3);
  const std::string cuts = split(kCl100kPattern);
  for (const char* normalizer : {"null", R"({"type":"NFC"})"}) {
    const Tokenizer fast = small(normalizer, cuts, true), stages = small(normalizer, cuts, false);
    for (int round = 0; round < 20000; ++round) compare(fast, stages, random_text(random));
  }
}

TEST_CASE("pre-tokenizers in a row run as one pass with the stages' result" * NeedsRegex()) {
  const Json patterns =
      Json::parse(read_maybe_xz(TERN_TEST_DATA "/text/patterns.json"), "patterns");
  const auto splits = [&](std::initializer_list<std::string_view> names) {
    std::string out;
    for (const std::string_view name : names) out += split(*patterns[name].string());
    return out;
  };
  const std::string digits = R"({"type":"Digits","individual_digits":true},)";
  const std::string numbers = R"({"type":"Digits","individual_digits":false},)";
  const std::string punctuation = R"({"type":"Punctuation","behavior":"Contiguous"},)";
  std::mt19937 random(4);
  for (const auto& made : {
           std::pair{splits({"deepseek_v3_a", "deepseek_v3_b", "deepseek_v3_c"}), "false"},
           {splits({"deepseek_v2_a", "deepseek_v2_b", "deepseek_v2_c", "deepseek_v2_d",
                    "deepseek_v2_e"}) +
                digits,
            "false"},
           {splits({"deepseek_v2_a", "letters_run", "punctuation_run", "deepseek_v2_e"}) + digits,
            "false"},
           {digits, "true"},
           {punctuation + numbers + splits({"falcon_digits"}), "true"},
           {splits({"bloom"}), "false"},
           {splits({"o200k"}), "false"},
           {std::string(), "true"},
       }) {
    const std::string cuts = made.first, use_regex = made.second;
    CAPTURE(cuts);
    const Tokenizer fast = small("null", cuts, true, use_regex),
                    stages = small("null", cuts, false, use_regex);
    for (int round = 0; round < 4000; ++round) compare(fast, stages, random_text(random));
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

namespace {

/// As for_each_word gives it; `text` must live as long.
WordCache::Word located(const WordCache& cache, std::string_view text, unsigned kind = 0) {
  WordCache::Word word;
  word.kind = kind;
  cache.locate(text, 0, text.size(), word);
  return word;
}

/// Of `size` bytes, a different one for each n.
std::string numbered(uint64_t n, size_t size) {
  std::string text(size, 'x');
  std::memcpy(text.data() + size - 8, &n, sizeof n);
  return text;
}

WordTokens one_token(uint64_t n) {
  WordTokens tokens{};
  tokens.ids[0] = static_cast<int32_t>(n);
  tokens.sizes[0] = 1;
  tokens.count = 1;
  return tokens;
}

/// How many of the words [begin, end) the cache has; the others are put.
size_t pass(WordCache& cache, uint64_t begin, uint64_t end, size_t size) {
  size_t found = 0;
  WordTokens tokens;
  for (uint64_t n = begin; n < end; ++n) {
    const std::string text = numbered(n, size);
    const WordCache::Word word = located(cache, text);
    if (cache.find(word, tokens)) {
      REQUIRE(tokens.ids[0] == static_cast<int32_t>(n));
      ++found;
    } else {
      cache.put(word, one_token(n));
    }
  }
  return found;
}

}  // namespace

TEST_CASE("the word cache is small for few words, has 40 MiB at most and then the latest ones") {
  static_assert(WordCache::kBytes == 40 << 20);
  constexpr size_t kShort = 24, kLong = 25, kLeast = (2 << 20) + (128 << 10);
  WordCache cache;
  pass(cache, 1, 10'000, kShort);
  // At random 0.87 of them are in places with two of them at most, and 0.82 of the many below.
  CHECK(pass(cache, 1, 10'000, kShort) > 8'500);
  pass(cache, 1, 60, kLong);
  CHECK(pass(cache, 1, 60, kLong) > 45);  // at random 58, give or take 2
  CHECK(cache.bytes() == kLeast);
  size_t largest = 0;
  for (int i = 0; i < 8; ++i) {
    pass(cache, 1, 200'000, kShort);
    pass(cache, 1, 12'000, kLong);
    largest = std::max(largest, cache.bytes());
  }
  CHECK(pass(cache, 1, 200'000, kShort) > 160'000);
  CHECK(pass(cache, 1, 12'000, kLong) > 9'600);
  pass(cache, 1'000'000, 4'000'000, kShort);
  pass(cache, 1'000'000, 1'300'000, LongWords::kMost);
  CHECK(std::max(largest, cache.bytes()) == WordCache::kBytes);
  CHECK(pass(cache, 3'900'000, 4'000'000, kShort) > 90'000);
  CHECK(pass(cache, 1'295'000, 1'300'000, LongWords::kMost) > 4'500);
}

TEST_CASE("the word cache keeps what was put last, for all threads") {
  WordCache cache;
  // Short and long words, with few tokens and with many.
  const auto tokens_of = [](uint64_t n) {
    WordTokens out{};
    out.count = static_cast<uint32_t>(n % WordTokens::kMost + 1);
    for (size_t i = 0; i < out.count; ++i) {
      out.ids[i] = static_cast<int32_t>((n * 31 + i * 77'777) & uint32_t{WordTokens::kMostId});
      out.sizes[i] = static_cast<uint8_t>(n + i);
    }
    return out;
  };
  const auto check = [&](uint64_t n) {
    const std::string text = numbered(n, 8 + n * 7 % 42);
    const WordCache::Word word = located(cache, text);
    WordTokens found;
    const WordTokens expected = tokens_of(n);
    if (!cache.find(word, found)) {
      cache.put(word, expected);
      return true;
    }
    const auto same = [&](const auto& a, const auto& b) {
      return std::equal(a.begin(), a.begin() + expected.count, b.begin());
    };
    return found.count == expected.count && same(found.ids, expected.ids) &&
           same(found.sizes, expected.sizes);
  };
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 300000; ++i) wrong += !check(random() % 200000);
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(cache.bytes() > 4 << 20);  // it has grown meanwhile
}

TEST_CASE(
    "the word cache tells words apart by all bytes, size and kind, and keeps all tokens there is "
    "room for") {
  WordCache cache;
  for (const size_t size : {2U, 8U, 24U, 25U, 32U, 119U, 120U}) {
    CAPTURE(size);
    const std::string text(size, static_cast<char>('c' + size % 11));
    const auto room = static_cast<uint32_t>(std::min<size_t>(2 * (31 - (size + 7) / 8), 60));
    for (const uint32_t count : {0U, 1U, 2U, 3U, 8U, 9U, 31U, room, room + 1}) {
      CAPTURE(count);
      WordTokens tokens{}, found;
      tokens.count = std::min<uint32_t>(count, WordTokens::kMost);
      for (uint32_t i = 0; i < tokens.count; ++i) {
        tokens.ids[i] = WordTokens::kMostId - static_cast<int32_t>(i * 65'793 + count);
        tokens.sizes[i] = static_cast<uint8_t>(255 - i);
      }
      const bool fits = tokens.count <= room;
      const std::string word = text.substr(1) + static_cast<char>(fits ? 'A' : 'B');
      cache.put(located(cache, word, 1), tokens);
      REQUIRE(cache.find(located(cache, word, 1), found) == fits);
      if (!fits) continue;
      CHECK(found.count == tokens.count);
      const auto same = [&](const auto& a, const auto& b) {
        return std::equal(a.begin(), a.begin() + tokens.count, b.begin());
      };
      CHECK(same(tokens.ids, found.ids));
      CHECK(same(tokens.sizes, found.sizes));
    }
    cache.put(located(cache, text, 1), one_token(7));
    WordTokens found;
    for (size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = 'b';
      CHECK_FALSE(cache.find(located(cache, other, 1), found));
    }
    CHECK_FALSE(cache.find(located(cache, text, 2), found));
    const std::string longer = text + std::string(1, '\0');
    if (size > 2) CHECK_FALSE(cache.find(located(cache, text.substr(1), 1), found));
    if (size < LongWords::kMost) CHECK_FALSE(cache.find(located(cache, longer, 1), found));
  }
  // Each of whose bytes is a token: 48 of them fit, whatever the word.
  for (const uint32_t size : {48U, 49U}) {
    const std::string word(size, 'q');
    WordTokens tokens{}, found;
    tokens.count = size;
    cache.put(located(cache, word), tokens);
    CHECK(cache.find(located(cache, word), found) == (size == 48));
  }
  const auto may = [&](size_t size) {
    const std::string text(size, 'a');
    return located(cache, text).may_be_cached();
  };
  CHECK_FALSE(may(1));
  CHECK(may(2));
  CHECK(may(LongWords::kMost));
  CHECK_FALSE(may(LongWords::kMost + 1));
  for (size_t size = 0; size <= CachedWord::kMost; ++size) {
    const std::string text = std::string(size, 'x');
    const CachedWord padded = CachedWord::load(text, 0, size, 0);
    const CachedWord inside = CachedWord::load(text + std::string(30, 'y'), 0, size, 0);
    CHECK(std::equal(padded.bytes, padded.bytes + 3, inside.bytes));
    CHECK(std::string(reinterpret_cast<const char*>(padded.bytes), 24) ==
          text + std::string(24 - size, '\0'));
  }
}

TEST_CASE("words that fall on one place of the cache are told apart") {
  ShortWords few;
  LongWords many;
  WordTokens found;
  const auto load = [](std::string_view text, unsigned kind) {
    return CachedWord::load(text, 0, text.size(), kind);
  };
  const std::string text = "a word of 24 bytes, long";
  const CachedWord key = load(text, 1);
  few.put(few.place(key), key, one_token(5));
  many.put(many.hash(text, 1), text, 1, one_token(6));
  const auto has = [&](const std::string& other, unsigned kind) {
    return std::pair(few.find(few.place(key), load(other, kind), found),
                     many.find(many.hash(text, 1), other, kind, found));
  };
  using Both = std::pair<bool, bool>;
  CHECK(has(text, 1) == Both(true, true));
  CHECK(has(text, 2) == Both(false, false));
  CHECK(has(text.substr(0, 23), 1) == Both(false, false));
  CHECK(has(text.substr(0, 23) + std::string(1, '\0'), 1) == Both(false, false));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 1;
    CHECK(has(other, 1) == Both(false, false));
  }
}
