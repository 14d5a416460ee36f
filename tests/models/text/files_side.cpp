// SPDX-License-Identifier: Apache-2.0
// tokenizer_config.json, special_tokens_map.json and added_tokens.json beside a vocabulary or a
// tokenizer.json: what they cost, and what they add.
#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

using Files = std::map<std::string, std::string>;

/// Entries 0 to count - 1, between commas.
template <class Entry>
std::string listed(int count, const Entry& entry) {
  std::string out;
  for (int i = 0; i < count; ++i) out += cat(i ? "," : "", entry(i));
  return out;
}

/// A tokenizer.json of five words.
std::string five_words(const char* unk_special = "true", const char* padding = "null") {
  return cat(R"({"added_tokens":[{"id":0,"content":"[UNK]","special":)", unk_special,
             R"(,"normalized":false}],"padding":)", padding,
             R"(,"pre_tokenizer":{"type":"Whitespace"},"model":{"type":"WordLevel","vocab":)",
             R"({"[UNK]":0,"a":1,"b":2,"[CLS]":3,"<|endoftext|>":4},"unk_token":"[UNK]"}})");
}

Tokenizer beside(Files files, const std::string& json = five_words()) {
  files["tokenizer.json"] = json;
  return from_files(files);
}

Tokenizer with_config(const std::string& config, const std::string& json = five_words()) {
  return beside({{"tokenizer_config.json", config}}, json);
}

using Ids = std::vector<int64_t>;

}  // namespace

TEST_CASE(
    "forty thousand tokens in the files beside a vocabulary or tokenizer.json take seconds at "
    "most") {
  constexpr int kCount = 40000;
  const std::string decoder = listed(kCount, [](int i) {
    return cat("\"", i + 3, "\":{\"content\":\"<", i, ">\",\"special\":true}");
  });
  const std::string texts = listed(kCount, [](int i) { return cat("\"<", i, ">\""); });
  const std::string others = listed(kCount, [](int i) { return cat("\"<x", i, ">\""); });
  const std::string ids = listed(kCount, [](int i) { return cat("\"<", i, ">\":", i + 3); });
  const std::string own = listed(kCount, [](int i) { return cat("\"t", i, "\":\"<", i, ">\""); });
  const Files all[] = {
      {{"tokenizer_config.json",
        cat("{\"added_tokens_decoder\":{", decoder, "},\"extra_special_tokens\":[", others, "]}")}},
      {{"tokenizer_config.json", cat("{\"extra_special_tokens\":[", texts, "]}")},
       {"special_tokens_map.json", cat("{\"extra_special_tokens\":[", others, "]}")},
       {"added_tokens.json", cat("{", ids, "}")}},
      {{"tokenizer_config.json", cat("{\"extra_special_tokens\":{", own, "}}")}},
      {{"tokenizer.json", five_words()},
       {"tokenizer_config.json", cat("{\"extra_special_tokens\":[", texts, "]}")},
       {"added_tokens.json", cat("{", ids, "}")}},
  };
  for (Files files : all) {
    files["config.json"] = R"({"model_type":"gpt2"})";
    files["vocab.json"] = R"({"a":0,"b":1,"ab":2})";
    files["merges.txt"] = "a b\n";
    const double begin = cpu_seconds();
    const Tokenizer t = from_files(files);
    CHECK(cpu_seconds() - begin < 5);
    CHECK(t.vocab_size() >= kCount);
    CHECK(t.encode("<39999>").ids.size() == 1);
  }
}

// The numbers below are those of Transformers 5.24.
TEST_CASE("special tokens that tokenizer.json lacks are added behind its own") {
  const Tokenizer pad = with_config(R"({"pad_token":"[PAD]"})");
  CHECK(pad.pad_id() == 5);
  CHECK(pad.vocab_size() == 6);
  CHECK(pad.encode("a [PAD]").ids == Ids{1, 5});
  const Tokenizer named =
      with_config(R"({"bos_token":"<s>","pad_token":"[PAD]","eos_token":"</s>"})");
  CHECK(named.encode("<s> a </s> [PAD]").ids == Ids{5, 1, 6, 7});
  CHECK(named.pad_id() == 7);
  // The class's own.
  const Tokenizer llama = with_config(R"({"tokenizer_class":"LlamaTokenizer"})");
  CHECK(llama.encode("<s> a </s> <unk>").ids == Ids{5, 1, 6, 7});
  CHECK(llama.pad_id() == -1);
  const Tokenizer bert = with_config(R"({"tokenizer_class":"BertTokenizer"})");
  CHECK(bert.vocab_size() == 8);
  CHECK(bert.pad_id() == 6);
  // One that is a word already keeps its id, and is cut out of words from then on.
  CHECK(with_config(R"({"eos_token":"a"})").encode("ab a").ids == Ids{1, 2, 1});
  CHECK(with_config("{}").encode("ab a").ids == Ids{0, 1});
  CHECK(beside({{"special_tokens_map.json", R"({"eos_token":{"content":"E"},"pad_token":"a"})"}})
            .encode("E a")
            .ids == Ids{5, 1});
}

TEST_CASE("added tokens of the files beside tokenizer.json count on, whatever their ids say") {
  const char* decoder =
      R"({"added_tokens_decoder":{"9":{"content":"zz"},"8":{"content":"yy","special":true}}})";
  CHECK(with_config(decoder).encode("zz yy a").ids == Ids{6, 5, 1});
  CHECK(beside({{"added_tokens.json", R"({"x":9,"y":8})"}}).encode("x y a").ids == Ids{6, 5, 1});
  // Listed ones first, then named ones, then the others.
  CHECK(with_config(R"({"extra_special_tokens":["<x>","<y>"],"mask_token":"<m>",)"
                    R"("added_tokens_decoder":{"7":{"content":"new","special":false}}})")
            .encode("<x> <y> <m> new")
            .ids == Ids{7, 8, 6, 5});
  // What ran as one pass no longer may.
  const std::string bert =
      R"({"normalizer":{"type":"BertNormalizer","lowercase":true},"pre_tokenizer":)"
      R"({"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"[UNK]",)"
      R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
      R"("vocab":{"[UNK]":0,"a":1,"b":2}}})";
  const char* normalized = R"({"added_tokens_decoder":{"9":{"content":"new"}}})";
  CHECK(with_config(normalized, bert).encode("aNEWb").ids == Ids{1, 3, 2});
  CHECK(with_config("{}", bert).encode("aNEWb").ids == Ids{0});
  // Listed again with other rules.
  const EncodeOptions offsets{.want_offsets = true};
  const Tokenizer right = with_config(
      R"({"added_tokens_decoder":{"0":{"content":"[UNK]","rstrip":true,"special":true}}})");
  CHECK(right.encode("[UNK]  a", offsets).offsets[0] == std::pair(0, 7));
  CHECK(with_config("{}").encode("[UNK]  a", offsets).offsets[0] == std::pair(0, 5));
}

TEST_CASE("a named token of tokenizer.json becomes special where no added_tokens_decoder is") {
  const DecodeOptions skip{.skip_special_tokens = true};
  const std::string json = five_words("false");
  CHECK(with_config("{}", json).decode(Ids{0, 1}, skip) == "[UNK] a");
  CHECK(with_config(R"({"unk_token":"[UNK]"})", json).decode(Ids{0, 1}, skip) == "a");
  CHECK(with_config(R"({"unk_token":"[UNK]","added_tokens_decoder":{}})", json)
            .decode(Ids{0, 1}, skip) == "[UNK] a");
}

TEST_CASE("the padding of tokenizer.json names the pad token where the files are silent") {
  const std::string json = five_words(
      "true", R"({"strategy":"BatchLongest","pad_id":3,"pad_type_id":0,"pad_token":"[P]"})");
  CHECK(with_config("{}", json).pad_id() == 5);
  CHECK(with_config("{}", json).encode("a [P]").ids == Ids{1, 5});
  CHECK(with_config(R"({"pad_token":null})", json).pad_id() == -1);
  CHECK(with_config(R"({"pad_token":"b"})", json).pad_id() == 2);
}

TEST_CASE("damaged files beside tokenizer.json are Errors where Transformers refuses them") {
  const Files bad[] = {
      {{"tokenizer_config.json", "{"}},
      {{"tokenizer_config.json", "[]"}},
      {{"config.json", "{"}},
      {{"config.json", "[]"}},
      {{"special_tokens_map.json", "{"}},
      {{"special_tokens_map.json", "[]"}},
      {{"added_tokens.json", "{"}},
      {{"added_tokens.json", R"({"x":"1"})"}},
      {{"tokenizer_config.json", R"({"added_tokens_decoder":{"x":{}}})"}},
      {{"tokenizer_config.json", R"({"padding_side":"up"})"}},
      {{"tokenizer_config.json", R"({"truncation_side":null})"}},
      {{"tokenizer_config.json", R"({"model_max_length":"x"})"}},
      {{"tokenizer_config.json", R"({"split_special_tokens":"x"})"}},
  };
  for (const Files& files : bad) {
    CAPTURE(files.begin()->second);
    CHECK_THROWS_AS(beside(files), Error);
  }
  // Not read beside added_tokens_decoder.
  CHECK(beside({{"tokenizer_config.json", R"({"added_tokens_decoder":{}})"},
                {"special_tokens_map.json", "{"},
                {"added_tokens.json", "{"}})
            .vocab_size() == 5);
  const std::string dot = R"({"model":{"type":"WordLevel","vocab":{"a":0,".":1}}})";
  for (const char* yes : {"\"x\"", "3", "true", "[0]", "{\"a\":0}"}) {
    CHECK(with_config(cat("{\"clean_up_tokenization_spaces\":", yes, "}"), dot).decode(Ids{0, 1}) ==
          "a.");
  }
  for (const char* no : {"\"\"", "0", "false", "[]", "{}", "null"}) {
    CHECK(with_config(cat("{\"clean_up_tokenization_spaces\":", no, "}"), dot).decode(Ids{0, 1}) ==
          "a .");
  }
}
