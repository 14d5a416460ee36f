// SPDX-License-Identifier: Apache-2.0
// What the recorded calls do not reach: batches on the thread pool, ids alone, special tokens as
// plain text, sides of truncation, stored truncation, conversions, memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/utf8.h"
#include "../allocations.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

using Ids = std::vector<int64_t>;
using Strings = std::vector<std::string>;

const std::string kFolder = TERN_TEST_DATA "/tokenizers/bert-base-uncased";
constexpr int64_t kBegin = 260, kEnd = 261, kExtra = 262;

/// Byte-level BPE in one pass, with <s> and </s> around a text; `truncation` as in tokenizer.json.
std::string byte_level_json(std::string_view truncation = "null") {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    text::append_char(token, text::character_of_byte(static_cast<uint8_t>(byte)));
    vocab += cat(hub::json_quote(token), ":", byte, ",");
  }
  const auto special = [](int64_t id, std::string_view content) {
    return cat(R"({"id":)", id, R"(,"content":")", content,
               R"(","special":true,"normalized":false},)");
  };
  return cat(R"({"truncation":)", truncation,
             R"(,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)",
             R"("decoder":{"type":"ByteLevel"},"added_tokens":[)", special(kBegin, "<s>"),
             special(kEnd, "</s>"), special(kExtra, "<x>"),
             R"({"id":263,"content":"the é","normalized":true,"lstrip":true}],)",
             R"("post_processor":{"type":"BertProcessing","sep":["</s>",261],"cls":["<s>",260]},)",
             R"("model":{"type":"BPE","vocab":{)", vocab,
             R"("th":256,"the":257,"Ġthe":258,"ĠĠ":259},)",
             R"("merges":["t h","th e","Ġ the","Ġ Ġ"]}})");
}

Tokenizer byte_level() {
  return AutoTokenizer::from_json(byte_level_json(), "tokenizer.json");
}

std::string random_text(std::mt19937& random, const Strings& parts, size_t most) {
  std::string out;
  for (size_t n = random() % most; n > 0; --n) out += parts[random() % parts.size()];
  return out;
}

Ids ids_of(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options) {
  Ids ids;
  tokenizer.encode_ids(text, options, ids);
  return ids;
}

/// Row `i` begins with the tokens of a text alone; padding is behind them.
bool begins_with(const BatchEncoding& batch, size_t i, const Encoding& alone) {
  Encoding row = batch.encodings[i];
  if (row.ids.size() < alone.ids.size()) return false;
  row.ids.resize(alone.ids.size());
  row.offsets.resize(alone.ids.size());
  row.word_ids.resize(alone.ids.size());
  return row.ids == alone.ids && row.offsets == alone.offsets && row.word_ids == alone.word_ids;
}

}  // namespace

TEST_CASE("a batch that the thread pool encodes is its texts alone, in their order") {
  const Tokenizer bert = load(kFolder);
  std::mt19937 random(1);
  const Strings parts = {"the ", "tokenizer", " 42", "é", "世", ", ", "unaffable"};
  for (int round = 0; round < 10; ++round) {
    Strings texts;
    std::vector<std::pair<std::string, std::string>> pairs;
    std::vector<Strings> words;
    for (int i = 0; i < 60; ++i) {
      texts.push_back(random_text(random, parts, 200));
      pairs.push_back({texts.back(), random_text(random, parts, 50)});
      words.push_back({texts.back(), "x", pairs.back().second});
    }
    const EncodeOptions alone{.want_offsets = true};
    const BatchEncoding of_texts = bert(texts, {.padding = true}),
                        of_pairs = bert(pairs, {.padding = true}),
                        of_words = bert(words, {.padding = true});
    for (size_t i = 0; i < texts.size(); ++i) {
      CHECK(begins_with(of_texts, i, bert.encode(texts[i], alone)));
      CHECK(begins_with(of_pairs, i, bert.encode(pairs[i].first, pairs[i].second, alone)));
      CHECK(begins_with(of_words, i, bert.encode_words(words[i], alone)));
    }
  }
}

TEST_CASE("of a batch's errors the first text's is reported, whichever thread meets one first") {
  const Tokenizer bert = load(kFolder);
  const TokenizeOptions options{
      .add_special_tokens = false, .truncation = true, .max_length = 10, .stride = 8};
  const auto a = [](size_t count) {
    std::string out;
    while (count-- > 0) out += "a ";
    return out;
  };
  // A first sequence of 1 leaves the second 9 tokens, more than the stride; one of 3 or 4 does not.
  std::vector<std::pair<std::string, std::string>> pairs(64, {"a", a(200)});
  pairs[7] = {a(3), a(50000)};
  pairs[40] = pairs[63] = {a(4), a(20)};
  for (int round = 0; round < 50; ++round) {
    CHECK_THROWS_WITH_AS(bert(pairs, options), doctest::Contains("`max_len=7`"), Error);
  }
}

TEST_CASE("ids alone, cut to any length, are those of the whole encoding") {
  const Strings parts = {"the", " the", "the é", "<x>",  "</s>", "  ",  "\n",
                         "'s",  "1234", "世",    "😀 no", "x",    "the", "averyveryverylongword"};
  std::mt19937 random(2);
  for (const Tokenizer& tokenizer : {byte_level(), load(kFolder)}) {
    for (int round = 0; round < 20000; ++round) {
      const std::string text = random_text(random, parts, 9);
      EncodeOptions o;
      o.add_special_tokens = random() % 2 == 0;
      o.split_special_tokens = random() % 2 == 0;
      o.max_length = random() % 16;
      o.truncation_side = random() % 4 == 0 ? Side::left : Side::right;
      CAPTURE(text);
      CAPTURE(o.max_length);
      Ids ids = {-7};
      tokenizer.encode_ids(text, o, ids);
      Ids expected = tokenizer.encode(text, o).ids;
      expected.insert(expected.begin(), -7);
      REQUIRE(ids == expected);
    }
  }
}

TEST_CASE("text that spells special tokens never gives their ids when they are split") {
  const Strings bert_parts = {"[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[", "]",
                              "CLS",   "SEP]",  "[MA",    " ",     "the",   "x", "."};
  const Strings byte_parts = {"<s>", "</s>", "<x>", "<", "s>", "/", ">", "the ", " ", "s", "世"};
  std::mt19937 random(3);
  const Tokenizer bert = load(kFolder), bytes = byte_level();
  size_t special = 0, found_unsplit = 0;
  const EncodeOptions split{.add_special_tokens = false, .split_special_tokens = true};
  Ids ids;
  const auto count = [&](const Tokenizer& tokenizer, const std::string& text, bool is_bert,
                         const EncodeOptions& options) {
    ids.clear();
    tokenizer.encode_ids(text, options, ids);
    return static_cast<size_t>(std::count_if(ids.begin(), ids.end(), [&](int64_t id) {
      return is_bert ? id == 0 || (id >= 100 && id <= 103) : id >= kBegin && id <= kExtra;
    }));
  };
  for (int round = 0; round < 1'000'000; ++round) {
    const bool is_bert = round % 2 == 0;
    const Tokenizer& tokenizer = is_bert ? bert : bytes;
    const std::string text = random_text(random, is_bert ? bert_parts : byte_parts, 8);
    special += count(tokenizer, text, is_bert, split);
    if (round % 100 > 1) continue;
    found_unsplit += count(tokenizer, text, is_bert, {.add_special_tokens = false});
    special += count(tokenizer, text, is_bert, split);
    if (!is_bert) CHECK(tokenizer.decode(ids) == text);
    const TokenizeOptions as_call{.add_special_tokens = false, .split_special_tokens = true};
    CHECK(tokenizer(text, as_call).encodings[0].ids == ids);
  }
  CHECK(special == 0);
  CHECK(found_unsplit > 5000);
}

TEST_CASE("tokenizer_config.json says whether special tokens are split, the call overrides it") {
  const Tokenizer t = from_files({{"tokenizer.json", byte_level_json()},
                                  {"tokenizer_config.json", R"({"split_special_tokens":true})"}});
  const auto ids = [&](std::optional<bool> split) {
    return t("<x>", {.split_special_tokens = split}).encodings[0].ids;
  };
  CHECK(ids({}) == Ids{kBegin, '<', 'x', '>', kEnd});
  CHECK(ids(true) == ids({}));
  CHECK(ids(false) == Ids{kBegin, kExtra, kEnd});
}

TEST_CASE("a text keeps its first tokens when it is cut on the right, its last on the left") {
  const Strings parts = {"the ", "tokenizer", " 42", "é", "世", ", ", "unaffable"};
  std::mt19937 random(4);
  const Tokenizer bert = load(kFolder), bytes = byte_level();
  for (int round = 0; round < 4000; ++round) {
    const Tokenizer& t = round % 2 == 0 ? bert : bytes;
    const std::string text = random_text(random, parts, 12);
    const Ids whole = t.encode(text).ids;
    const auto most = static_cast<int64_t>(2 + random() % 12);
    const size_t kept = std::min(whole.size(), static_cast<size_t>(most)) - 2;
    Ids first(whole.begin(), whole.begin() + 1 + static_cast<std::ptrdiff_t>(kept));
    first.push_back(whole.back());
    Ids last(whole.end() - 1 - static_cast<std::ptrdiff_t>(kept), whole.end());
    last.insert(last.begin(), whole.front());
    CAPTURE(text);
    CAPTURE(most);
    for (const Side side : {Side::right, Side::left}) {
      const Ids& expected = side == Side::right ? first : last;
      const EncodeOptions o{.max_length = most, .truncation_side = side};
      REQUIRE(t.encode(text, o).ids == expected);
      REQUIRE(ids_of(t, text, o) == expected);
      const TokenizeOptions call{.truncation = true, .max_length = most, .truncation_side = side};
      REQUIRE(t(text, call).encodings[0].ids == expected);
    }
  }
}

TEST_CASE("the side of truncation comes from the call, the settings or tokenizer.json") {
  const std::string left =
      R"({"direction":"Left","max_length":5,"strategy":"OnlyFirst","stride":1})";
  const std::map<std::string, std::string> settings = {
      {"tokenizer.json", byte_level_json()},
      {"tokenizer_config.json", R"({"truncation_side":"left"})"}};
  const Tokenizer by_settings = from_files(settings),
                  by_json = AutoTokenizer::from_json(byte_level_json(left), "t");
  const TokenizeOptions cut{.truncation = true, .max_length = 4},
      right{.truncation = true, .max_length = 4, .truncation_side = Side::right};
  for (const Tokenizer& t : {by_settings, by_json}) {
    CHECK(t("abc", cut).encodings[0].ids == Ids{kBegin, 'b', 'c', kEnd});
    CHECK(t("abc", right).encodings[0].ids == Ids{kBegin, 'a', 'b', kEnd});
  }
  CHECK(byte_level()("abc", cut).encodings[0].ids == Ids{kBegin, 'a', 'b', kEnd});
}

TEST_CASE("default_options are the stored truncation, which no call applies unasked") {
  const std::string left =
      R"({"direction":"Left","max_length":5,"strategy":"OnlyFirst","stride":1})";
  const Tokenizer t = AutoTokenizer::from_json(byte_level_json(left), "t");
  const EncodeOptions o = t.default_options();
  CHECK(o.max_length == 5);
  CHECK(o.strategy == TruncationStrategy::only_first);
  CHECK(o.truncation_side == Side::left);
  CHECK(o.stride == 1);
  CHECK(t.encode("abcdef", o).ids == Ids{kBegin, 'd', 'e', 'f', kEnd});
  CHECK(ids_of(t, "abcdef", o) == Ids{kBegin, 'd', 'e', 'f', kEnd});
  CHECK(t.encode("abcdef").ids.size() == 8);
  CHECK(ids_of(t, "abcdef", {}).size() == 8);
  CHECK(t("abcdef").encodings[0].ids.size() == 8);
  const EncodeOptions none = byte_level().default_options();
  CHECK(none.max_length == 0);
  CHECK(none.strategy == TruncationStrategy::longest_first);
  CHECK(none.truncation_side == Side::right);
}

TEST_CASE("every token of the vocabulary and its id are converted into each other") {
  const std::string json = read_maybe_xz(kFolder + "/tokenizer.json");
  const Tokenizer bert =
      from_files({{"tokenizer.json", json}, {"tokenizer_config.json", R"({"unk_token":"[UNK]"})"}});
  Ids all(static_cast<size_t>(bert.vocab_size()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  const Strings tokens = bert.convert_ids_to_tokens(all);
  REQUIRE(tokens.size() == 30522);
  CHECK(tokens[103] == "[MASK]");
  CHECK(bert.convert_tokens_to_ids(tokens) == all);
  const Strings plain = bert.convert_ids_to_tokens(all, true);
  CHECK(plain.size() == tokens.size() - 5);
  CHECK(std::find(plain.begin(), plain.end(), "[MASK]") == plain.end());
  CHECK(bert.convert_ids_to_tokens(Ids{1 << 30, 103, -1}) == Strings{"", "[MASK]", ""});
  CHECK(bert.convert_tokens_to_ids(Strings{"the", "no such token", "[SEP]"}) ==
        Ids{1996, 100, 102});
  CHECK(byte_level().convert_tokens_to_ids(Strings{"a", "no such token"}) == Ids{'a', -1});
}

TEST_CASE("a token that begins with blanks which the one before it took has its own place") {
  for (const char* normalized : {"false", "true"}) {
    const Tokenizer t = AutoTokenizer::from_json(
        cat(R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)",
            R"("added_tokens":[{"id":3,"content":"<m>","rstrip":true,"normalized":)", normalized,
            R"(},{"id":4,"content":" y","normalized":)", normalized,
            R"(}],"model":{"type":"BPE","vocab":{"a":0,"y":1,"Ġ":2},"merges":[]}})"),
        "t");
    const Encoding e = t.encode("a<m>  ya", {.want_offsets = true});
    CHECK(e.ids == Ids{0, 3, 4, 0});
    CHECK(e.offsets == std::vector<std::pair<int32_t, int32_t>>{{0, 1}, {1, 6}, {5, 7}, {7, 8}});
  }
}

TEST_CASE("batch_decode is decode of each, with the same options") {
  const Tokenizer bert = load(kFolder);
  const std::vector<Ids> batch = {bert.encode("it isn't so").ids, {}, bert.encode("so it is").ids};
  CHECK(bert.batch_decode(batch) ==
        Strings{"[CLS] it isn ' t so [SEP]", "", "[CLS] so it is [SEP]"});
  const DecodeOptions clean{.skip_special_tokens = true, .clean_up_tokenization_spaces = true};
  CHECK(bert.batch_decode(batch, clean) == Strings{"it isn't so", "", "so it is"});
  CHECK(bert.batch_decode({}).empty());
}

TEST_CASE("padding fills what a call has asked for, and no tokens that it has not") {
  const Tokenizer bert = load(kFolder);
  const BatchEncoding plain = bert({"a b c", "d"}, {.padding = true});
  CHECK(plain.encodings[1].ids.size() == 5);
  CHECK(plain.encodings[1].tokens.empty());
  CHECK(plain.encodings[1].word_ids == std::vector<int32_t>{-1, 0, -1, -1, -1});
  const BatchEncoding shown = bert({"a b c", "d"}, {.padding = true, .return_tokens = true});
  CHECK(shown.tokens(1) == Strings{"[CLS]", "d", "[SEP]", "[PAD]", "[PAD]"});
}

TEST_CASE("ids of words that are known need no memory but the ids") {
  if (!golden::allocations_are_counted()) {
    MESSAGE("skipped: this build cannot count allocations");
    return;
  }
  const std::string text = "It is the text of a plain cat, 42 of them: all are naïve.";
  for (const Tokenizer& tokenizer : {load(kFolder), byte_level()}) {
    for (const EncodeOptions& o : {EncodeOptions{}, EncodeOptions{.max_length = 7}}) {
      Ids ids;
      tokenizer.encode_ids(text, o, ids);  // fills the word cache
      const size_t count = ids.size();
      ids.clear();
      const uint64_t before = golden::allocations();
      tokenizer.encode_ids(text, o, ids);
      CHECK(golden::allocations() == before);
      CHECK(ids.size() == count);
    }
  }
}
