// SPDX-License-Identifier: Apache-2.0
// Components and properties that the recorded cases do not pin down one by one.
#include <doctest/doctest.h>

#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/normalizers/normalizers.h"
#include "../../../models/text/pre_tokenizers/pre_tokenizers.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;

namespace {

std::string normalized(const std::string& json, std::string_view text) {
  Normalized n;
  n.assign(text, 0, true);
  parse_normalizer(hub::Json::parse(json, "test"))->normalize(n);
  CHECK(n.origin.size() == n.text.size());
  return n.text;
}

std::vector<std::string> pieces(const std::string& json, std::string_view text) {
  Normalized n;
  n.assign(text, 0, false);
  std::vector<Piece> all{{0, text.size()}};
  parse_pre_tokenizer(hub::Json::parse(json, "test"))->split(n, all);
  std::vector<std::string> out;
  for (const Piece& p : all) out.push_back(n.text.substr(p.begin, p.end - p.begin));
  return out;
}

using Texts = std::vector<std::string>;

/// Random text of characters that matter, vocabulary words among them.
std::string random_text(std::mt19937& random) {
  static const Texts kParts{"a",
                            "Z",
                            "0",
                            " ",
                            ".",
                            ",",
                            "-",
                            "_",
                            "[",
                            "\n",
                            "\t",
                            "\r",
                            std::string(1, '\0'),
                            "\x0b",
                            "\x7f",
                            "\u0085",
                            "\u00a0",
                            "\u00ad",
                            "é",
                            "É",
                            "e\u0301",
                            "\u0301",
                            "\u0323",
                            "İ",
                            "ß",
                            "Σ",
                            "\u037e",
                            "\u2260",
                            "\u200b",
                            "\u2028",
                            "\u3000",
                            "\ufeff",
                            "\ufffd",
                            "中",
                            "日",
                            "한",
                            "각",
                            "\u1100",
                            "\u0958",
                            "\U0002b820",
                            "\U0001f600",
                            "\U000e0001",
                            "\U000f0000",
                            "\u302e",
                            "\U0001d15e",
                            "\u08d4",
                            "[MASK]",
                            "[CLS]",
                            "##",
                            "embedding",
                            "hobbit",
                            "antidisestablishmentarianism",
                            "THE",
                            "running",
                            "xxxxxxxxxxxxxxxx",
                            "yyyyyyyyyyyyyyyyy"};
  std::string out;
  const size_t count = 1 + random() % 40;
  for (size_t i = 0; i < count; ++i) out += kParts[random() % kParts.size()];
  if (random() % 8 == 0) out += std::string(random() % 130, 'q');
  return out;
}

}  // namespace

TEST_CASE("each component reads the Unicode version of the reference's") {
  CHECK((char_class(0x2E43) & kPunctuation8) == 0);
  CHECK((char_class(0x166D) & kPunctuation8) != 0);
  CHECK(normalized(R"({"type":"NFKC"})", "\u32FF") == "\u32FF");
  CHECK(normalized(R"({"type":"NFC"})", "e\u0301\u0323") == "\u1EB9\u0301");
  CHECK(normalized(R"({"type":"NFD"})", "각\u00e9") == "\u1100\u1161\u11a8e\u0301");
  CHECK(normalized(R"({"type":"NFKD"})", "ﬁ²") == "fi2");
  CHECK(normalized(R"({"type":"Lowercase"})", "ΣΑΣİ\u1C89") == "σασi\u0307\u1C8A");
  CHECK(is_bert_ideograph(0x2B920));
  CHECK(!is_bert_ideograph(0x2B820));
}

TEST_CASE("normalizers strip, replace and follow each other") {
  CHECK(normalized(R"({"type":"Strip","strip_left":true,"strip_right":false})", " \u3000a ") ==
        "a ");
  CHECK(normalized(R"({"type":"Replace","pattern":{"String":"ab"},"content":"é"})", "abcab") ==
        "écé");
  CHECK(normalized(R"({"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]})",
                   "naïve") == "naive");
  CHECK(normalized(R"({"type":"BertNormalizer","strip_accents":false})", "É中\x01\t") == "é 中  ");
}

TEST_CASE("pre-tokenizers split with every behavior") {
  const auto punctuation = [](const char* behavior) {
    return pieces(cat(R"({"type":"Punctuation","behavior":")", behavior, R"("})"), "a,,b.");
  };
  CHECK(punctuation("Removed") == Texts{"a", "b"});
  CHECK(punctuation("Isolated") == Texts{"a", ",", ",", "b", "."});
  CHECK(punctuation("MergedWithPrevious") == Texts{"a,", ",", "b."});
  CHECK(punctuation("MergedWithNext") == Texts{"a", ",", ",b", "."});
  CHECK(punctuation("Contiguous") == Texts{"a", ",,", "b", "."});
  CHECK(pieces(R"({"type":"Whitespace"})", "it's 5€!") == Texts{"it", "'", "s", "5", "€!"});
  CHECK(pieces(R"({"type":"Digits"})", "a12b") == Texts{"a", "12", "b"});
  CHECK(pieces(R"({"type":"Digits","individual_digits":true})", "a12") == Texts{"a", "1", "2"});
}

TEST_CASE("the fused pass and the separate stages give the same tokens and offsets") {
  const std::string json =
      read_maybe_xz(TERN_TEST_DATA "/tokenizers/bert-base-uncased/tokenizer.json");
  const auto with = [&](const std::string& rules, bool wrapped) {
    // Inside a Sequence the normalizer is not recognised: the stages run.
    const std::string normalizer =
        wrapped ? cat(R"({"type":"Sequence","normalizers":[)", rules, "]}") : rules;
    const hub::Json all = hub::Json::parse(json, "tokenizer.json");
    std::vector<hub::Json::NewMember> members(all.members().begin(), all.members().end());
    for (auto& [name, value] : members) {
      if (name == "normalizer") value = hub::Json::parse(normalizer, "normalizer");
    }
    return AutoTokenizer::from_json(hub::Json::object(members).dump(), "tokenizer.json");
  };
  const unsigned seed = 20240607;
  CAPTURE(seed);
  for (const char* flags : {"", R"(,"lowercase":false)", R"(,"strip_accents":false)",
                            R"(,"clean_text":false,"handle_chinese_chars":false)"}) {
    const std::string rules = cat(R"({"type":"BertNormalizer")", flags, "}");
    const Tokenizer fused = with(rules, false), stages = with(rules, true);
    std::mt19937 random(seed);
    for (int i = 0; i < 3000; ++i) {
      const std::string text = random_text(random);
      CAPTURE(text);
      const Encoding a = fused.encode(text, {.want_tokens = true});
      const Encoding b = stages.encode(text, {.want_tokens = true});
      CHECK(a.ids == b.ids);
      CHECK(a.offsets == b.offsets);
      CHECK(a.tokens == b.tokens);
      CHECK(a.word_ids == b.word_ids);
      std::vector<int64_t> ids;
      fused.encode_ids(text, {}, ids);
      CHECK(ids == a.ids);
      ids.clear();
      fused.encode_ids(text, {.max_length = 7}, ids);
      CHECK(ids == stages.encode(text, {.max_length = 7}).ids);
    }
  }
}

TEST_CASE("offsets never decrease and lie inside the text; invalid UTF-8 reads as U+FFFD") {
  const Tokenizer bert = load(TERN_TEST_DATA "/tokenizers/bert-base-uncased");
  const unsigned seed = 7;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    std::string text = random_text(random);
    if (i % 2) text[random() % text.size()] = static_cast<char>(random());
    std::string repaired;
    const std::string_view valid = valid_utf8(text, repaired);
    const auto length = static_cast<int32_t>(count_chars(valid));
    const Encoding e = bert.encode(text, {.add_special_tokens = false, .want_offsets = true});
    int32_t last = 0;
    for (const auto& [begin, end] : e.offsets) {
      CHECK(begin >= last);
      CHECK(end > begin);
      CHECK(end <= length);
      last = begin;
    }
    CHECK(e.ids == bert.encode(valid, {.add_special_tokens = false}).ids);
  }
  std::string scratch;
  CHECK(valid_utf8("a\xE2\x82z\xFF\xED\xA0\x80\xF4\x90", scratch) ==
        "a\ufffdz\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
}
