// SPDX-License-Identifier: Apache-2.0
// The call as in Transformers, repositories without tokenizer.json, and settings files.
#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "../../../models/text/jsonl.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;

namespace {

using Ids = std::vector<int64_t>;

const std::string kFolder = TERN_TEST_DATA "/tokenizers/bert-base-uncased";

Ids values(const Tensor& t) {
  return Ids(t.data<int64_t>(), t.data<int64_t>() + t.numel());
}

}  // namespace

TEST_CASE("a call pads, truncates and returns the tensors that the model reads") {
  const Tokenizer bert = load(kFolder);
  const NamedTensors out = bert({"a b c", "d"}, {.padding = true});
  REQUIRE(out["input_ids"].shape() == Shape{2, 5});
  CHECK(values(out["input_ids"]) == Ids{101, 1037, 1038, 1039, 102, 101, 1040, 102, 0, 0});
  CHECK(values(out["attention_mask"]) == Ids{1, 1, 1, 1, 1, 1, 1, 1, 0, 0});
  CHECK(values(out["token_type_ids"]) == Ids(10, 0));
  CHECK(bert("a b c", {.truncation = true, .max_length = 4})["input_ids"].shape() == Shape{1, 4});
  CHECK(bert({"a", "b"}, {.padding = true, .pad_to_multiple_of = 8})["input_ids"].dim(1) == 8);
  CHECK(bert("a", {.padding_strategy = PaddingStrategy::max_length, .max_length = 6})["input_ids"]
            .dim(1) == 6);
  CHECK_THROWS_AS(bert({"a b", "a"}), Error);
  CHECK_THROWS_AS(
      bert("a", {.padding = true, .truncation = true, .max_length = 5, .pad_to_multiple_of = 4}),
      Error);
}

TEST_CASE("pairs get types 0 and 1") {
  const Tokenizer bert = load(kFolder);
  const std::vector<std::pair<std::string, std::string>> pairs{{"a", "b c"}};
  const NamedTensors out = bert(pairs);
  CHECK(values(out["input_ids"]) == Ids{101, 1037, 102, 1038, 1039, 102});
  CHECK(values(out["token_type_ids"]) == Ids{0, 0, 0, 1, 1, 1});
}

TEST_CASE("a text alone and in a batch gives the same ids") {
  const Tokenizer bert = load(kFolder);
  const std::vector<std::string> texts{"It rained.", "", "naïve café 中文", "the end"};
  const NamedTensors out = bert(texts, {.padding = true});
  const int64_t length = out["input_ids"].dim(1);
  for (size_t i = 0; i < texts.size(); ++i) {
    const Ids alone = bert.encode(texts[i]).ids;
    Ids row = values(out["input_ids"][static_cast<int64_t>(i)]);
    CHECK(static_cast<int64_t>(row.size()) == length);
    row.resize(alone.size());
    CHECK(row == alone);
  }
}

TEST_CASE("vocab.txt with its settings is the same tokenizer as tokenizer.json") {
  const std::string vocab = read_maybe_xz(kFolder + "/vocab.txt");
  const Tokenizer json = load(kFolder);
  const Tokenizer files = from_files(
      {{"vocab.txt", vocab},
       {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer","do_lower_case":true,)"
                                 R"("model_max_length":512})"}});
  CHECK(files.model_max_length() == 512);
  CHECK(files.pad_id() == 0);
  CHECK(files.vocab_size() == json.vocab_size());
  size_t count = 0;
  for (const std::string& line : lines(read_maybe_xz(kFolder + "/cases.jsonl"))) {
    CHECK(text::answer_jsonl(files, line, true) == text::answer_jsonl(json, line, true));
    ++count;
  }
  CHECK(count == 1500);
}

TEST_CASE("MPNet puts two </s> between a pair and reads no types") {
  const Tokenizer t = from_files(
      {{"vocab.txt", "<s>\n<pad>\n</s>\n[UNK]\na\nb\n<mask>\n"},
       {"config.json", R"({"model_type":"mpnet"})"},
       {"tokenizer_config.json", R"({"model_max_length":1000000000000000019884624838656})"}});
  CHECK(t.encode("a", "B").ids == Ids{0, 4, 2, 2, 5, 2});
  CHECK(t.encode("a <mask>b").ids == Ids{0, 4, 6, 5, 2});
  CHECK(t.model_max_length() == 0);
  CHECK(t.pad_id() == 1);
  CHECK(!t("a").contains("token_type_ids"));
  CHECK(t.num_special_tokens(false) == 2);
  CHECK(t.num_special_tokens(true) == 4);
}

TEST_CASE(
    "RoBERTa's post-processor trims blanks from offsets, but for a single one at the beginning") {
  const Tokenizer t = AutoTokenizer::from_json(
      R"({"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"<s>":1,"</s>":2}},)"
      R"("post_processor":{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",1]},)"
      R"("added_tokens":[{"id":3,"content":"<m>","lstrip":true,"rstrip":true,"normalized":false}]})",
      "t");
  const auto offsets = [&](std::string_view text) {
    return t.encode(text, {.add_special_tokens = false, .want_offsets = true}).offsets;
  };
  CHECK(offsets(" <m>")[0] == std::pair{0, 4});
  CHECK(offsets("  <m> ")[0] == std::pair{2, 5});
  CHECK(offsets("x  <m>")[1] == std::pair{3, 6});
  CHECK(t.encode("x", "y").ids == Ids{1, 0, 2, 2, 0, 2});
  CHECK(t.encode("x", "y").type_ids == Ids(6, 0));
}

TEST_CASE("DistilBERT reads no types; settings choose sides and the pad token") {
  const Tokenizer t = from_files(
      {{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nA\n[MASK]\n"},
       {"tokenizer_config.json",
        R"({"tokenizer_class":"DistilBertTokenizer","do_lower_case":false,"padding_side":"left"})"}});
  const NamedTensors out = t({"A", "a a"}, {.padding = true});
  CHECK(values(out["input_ids"]) == Ids{0, 2, 5, 3, 2, 4, 4, 3});
  CHECK(!out.contains("token_type_ids"));
}

TEST_CASE("decode skips special tokens and cleans up as asked; ids and tokens name each other") {
  const Tokenizer bert = load(kFolder);
  const Ids ids = bert.encode("it isn't so, is it?").ids;
  CHECK(bert.decode(ids, {.skip_special_tokens = true}) == "it isn ' t so, is it?");
  CHECK(bert.decode(ids, {.skip_special_tokens = true, .clean_up_tokenization_spaces = true}) ==
        "it isn't so, is it?");
  CHECK(bert.decode(ids) == "[CLS] it isn ' t so, is it? [SEP]");
  CHECK(bert.decode(Ids{1 << 30, -5, 101}) == "[CLS]");
  CHECK(bert.token_to_id("[MASK]") == 103);
  CHECK(bert.token_to_id("no such token") == -1);
  CHECK(bert.id_to_token(103) == "[MASK]");
  CHECK(bert.id_to_token(1 << 30).empty());
}
