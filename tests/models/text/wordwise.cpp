// SPDX-License-Identifier: Apache-2.0
// Texts cut into words against the same texts as a whole.
#include "../../../models/text/wordwise.h"

#include <doctest/doctest.h>

#include <random>

#include "../../../engine/base/format.h"
#include "../../needs.h"
#include "cases.h"
#include "small_tokenizers.h"
#include "two_ways.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;

namespace {

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kParts = {// clang-format off
      "a", "b", "ab", "aB", "Ab", "z", "qz", "Abc", "the", " the", "the ", " ", " ", " ", "  ", "    ",
      "\n", "\n\n", "\n ", " \n", "\r\n", "\t", "x>", " </", ">", "<s>", " <s>", "<y>", "b<y>",
      "\u2581", "a\u2581", "``", "''", "`", ".", ",", "...", "()", "1", "23", "é", "e\u0301",
      "\u0301", "\u00a0", "\u3000", "世界", "한국", "мир", " мир", "😀", "👩\u200d👩", "\u200b",
      "ﬁ", "½", "\u00ad", "İ", "Σ", "\u0600", "averyveryverylongwordindeed",
      "http://x.y/z?a=b", std::string(1, '\0'), "---------------------------"};
  // clang-format on
  std::string out;
  for (size_t n = random() % 14; n > 0; --n) out += kParts[random() % kParts.size()];
  return out;
}

/// The stages answer for the whole text.
void check_both_ways(const std::string& json, int rounds, uint32_t seed) {
  const TwoWays ways(json);
  std::mt19937 random(seed);
  int answered = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string text = random_text(random);
    CAPTURE(text);
    answered += ways.check(text).has_value();
  }
  CHECK(answered > 0);
}

/// Whether the components of this tokenizer.json are run word by word.
bool is_wordwise(const std::string& json) {
  const auto pipeline = Tokenizer::Pipeline::parse(json, "tokenizer.json");
  pipeline->finish();
  return pipeline->wordwise != nullptr;
}

}  // namespace

TEST_CASE("word by word, a BPE over the whole text gives the ids of the whole") {
  for (const char* options : {"", R"("byte_fallback":true,)", R"("fuse_unk":true,)",
                              R"("fuse_unk":true,"byte_fallback":true,)"}) {
    for (const char* added : {"", kAdded}) {
      for (const auto& [normalizer, pre_tokenizer] :
           std::initializer_list<std::pair<std::string, std::string>>{
               {kLlama, "null"},
               {kGemma, kSplit},
               {kGemma, "null"},
               {"null", metaspace("first", false)},
               {"null", metaspace("always", false)},
               {"null", metaspace("never", false)}}) {
        const std::string json = tokenizer_json(normalizer, pre_tokenizer, bpe(options), added);
        CAPTURE(json.substr(0, 400));
        REQUIRE(is_wordwise(json));
        check_both_ways(json, 2000, 1);
      }
    }
  }
}

TEST_CASE("word by word, pre-tokenizers that cut at blanks give the ids of the whole" *
          NeedsRegex()) {
  for (const char* added : {"", kAdded}) {
    for (const std::string& model : {bpe(""), unigram()}) {
      for (const char* normalizer :
           {"null", kAlbert, kStrip, R"({"type":"Lowercase"})",
            R"({"type":"Replace","pattern":{"String":"a"},"content":"xx"})"}) {
        for (const std::string& pre_tokenizer :
             {std::string(kWords), metaspace("first", true), metaspace("always", true),
              metaspace("never", true), std::string(R"({"type":"WhitespaceSplit"})"),
              std::string(R"({"type":"Whitespace"})"),
              std::string(R"({"type":"BertPreTokenizer"})"),
              cat(R"({"type":"Sequence","pretokenizers":[)", metaspace("first", true),
                  R"(,{"type":"Digits","individual_digits":true}]})")}) {
          const std::string json = tokenizer_json(normalizer, pre_tokenizer, model, added);
          CAPTURE(json.substr(0, 600));
          REQUIRE(is_wordwise(json));
          check_both_ways(json, 500, 2);
        }
      }
    }
  }
}

TEST_CASE("word by word, texts that are replaced are found in what earlier steps make") {
  for (const char* steps :
       {R"({"type":"Lowercase"},{"type":"Replace","pattern":{"String":"ab"},"content":"x"})",
        R"({"type":"Replace","pattern":{"String":"ab"},"content":"x"},{"type":"Lowercase"})",
        R"({"type":"Replace","pattern":{"String":"a"},"content":"é"},)"
        R"({"type":"Replace","pattern":{"String":"éb"},"content":"e"},)"
        R"({"type":"Replace","pattern":{"String":"é"},"content":"x"})",
        R"({"type":"Replace","pattern":{"String":"ab"},"content":"h"},)"
        R"({"type":"Replace","pattern":{"String":"hh"},"content":"e"})"}) {
    const std::string normalizer = cat(R"({"type":"Sequence","normalizers":[)", steps, "]}");
    const std::string json = tokenizer_json(normalizer, kWords, unigram());
    CAPTURE(steps);
    CHECK(is_wordwise(json));
    check_both_ways(json, 3000, 6);
  }
}

TEST_CASE("word by word, real and small tokenizers give the ids of the whole" * NeedsRegex()) {
  size_t wordwise = 0;
  const auto folders = tokenizer_folders();
  for (const std::string& folder : folders) {
    const std::string json = read_maybe_xz(folder + "/tokenizer.json");
    if (!is_wordwise(json)) continue;
    CAPTURE(folder);
    ++wordwise;
    check_both_ways(json, 3000, 3);
  }
  if (folders.size() > 5) CHECK(wordwise >= 8);
}

TEST_CASE("components that look beyond a blank are not run word by word" * NeedsRegex()) {
  const auto refused = [](std::string_view normalizer, std::string_view pre_tokenizer,
                          std::string_view model, std::string_view added = "") {
    return !is_wordwise(tokenizer_json(normalizer, pre_tokenizer, model, added));
  };
  const std::string words = kWords, whole = metaspace("first", false);
  // Normalizers: a blank that is sought or written, any other expression.
  for (const char* step : {R"({"type":"Replace","pattern":{"String":"a b"},"content":"c"})",
                           R"({"type":"Replace","pattern":{"String":"a"},"content":"b "})",
                           R"({"type":"Replace","pattern":{"String":"a"},"content":""})",
                           R"({"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "})",
                           R"({"type":"BertNormalizer"})", R"({"type":"ByteLevel"})"}) {
    CAPTURE(step);
    CHECK(refused(step, words, bpe("")));
  }
  // Pre-tokenizers that do not separate, before a model that has no say about cuts.
  for (const char* pre_tokenizer :
       {"null", R"({"type":"Digits","individual_digits":false})",
        R"({"type":"Split","pattern":{"String":"x"},"behavior":"Isolated","invert":false})",
        R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})"}) {
    CAPTURE(pre_tokenizer);
    CHECK(refused("null", pre_tokenizer, bpe("")));
  }
  CHECK(refused("null", whole, unigram()));
  // No blank is left where one is to be cut at.
  for (const char* pre_tokenizer :
       {R"({"type":"WhitespaceSplit"})", R"({"type":"Whitespace"})", kWords}) {
    CAPTURE(pre_tokenizer);
    const std::string json = tokenizer_json(kGemma, pre_tokenizer, unigram());
    CHECK(is_wordwise(json) == (pre_tokenizer == kWords));
    check_both_ways(json, 300, 5);
  }
  CHECK(refused(R"({"type":"Lowercase"})", whole, bpe("")));
  CHECK(refused("null", whole, bpe(R"("ignore_merges":true,)")));
  // "z" is no token, its byte is, and merges with a mark; also when another byte came before it.
  const std::string z = byte_token('z'), q = byte_token('q');
  const char* fallback = R"("byte_fallback":true,)";
  CHECK(refused("null", whole, bpe(fallback, {{z, "\u2581"}})));
  CHECK(refused("null", whole, bpe(fallback, {{q, z}, {q + z, "\u2581"}})));
  const std::string json = tokenizer_json("null", whole, bpe(fallback, {{z, "a"}}));
  CHECK(is_wordwise(json));
  check_both_ways(json, 1000, 4);
  CHECK(refused("null", whole, bpe(R"("end_of_word_suffix":"c",)")));
  // Added tokens that are sought across a blank or look at their neighbours.
  for (const char* token :
       {R"({"id":900,"content":"a b","normalized":true,"special":false})",
        R"({"id":900,"content":"<y>","normalized":true,"special":false,"lstrip":true})",
        R"({"id":900,"content":"<y>","normalized":true,"special":false,"rstrip":true})",
        R"({"id":900,"content":"<y>","normalized":true,"special":false,"single_word":true})"}) {
    CAPTURE(token);
    CHECK(refused("null", whole, bpe(""), token));
    CHECK(refused("null", words, unigram(), token));
  }
}
