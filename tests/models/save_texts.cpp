// SPDX-License-Identifier: Apache-2.0
// What save_pretrained writes beside the weights: config.json and a tokenizer's files.
#include <doctest/doctest.h>

#include <filesystem>

#include "../../models/save_config.h"
#include "../../models/text/tokenizer.h"
#include "golden.h"
#include "text/linear_time.h"

using namespace tern;
namespace fs = std::filesystem;

namespace {

hub::Json saved(const std::string& config) {
  const Config loaded(hub::Json::parse(config, "config"), "config");
  return hub::Json::parse(saved_config(loaded, "BertModel", DType::f16), "saved");
}

/// A config with as many fields, each of them twice: {"f0": 0, …, "f0": 0, …}.
std::string wide_config(int fields) {
  std::string text = "{";
  for (int i = 0; i < 2 * fields; ++i) {
    text += (i == 0 ? "\"f" : ", \"f") + std::to_string(i % fields) + "\": " + std::to_string(i);
  }
  return text + "}";
}

}  // namespace

TEST_CASE("of a field that stands twice the last one is saved, and ours replace the file's") {
  const hub::Json json = saved(
      R"({"b": 1, "torch_dtype": "float32", "a": 2, "b": 3, "dtype": 4, "architectures": 5})");
  CHECK(json.dump() == R"({"a":2,"architectures":["BertModel"],"b":3,"dtype":"float16"})");
}

TEST_CASE("the labels of a number are named while the file stays small") {
  CHECK(saved(R"({"num_labels": 2, "id2label": null})")["label2id"].dump() ==
        R"({"LABEL_0":0,"LABEL_1":1})");
  CHECK(saved(R"({"num_labels": 100000})")["id2label"].members().size() == 100'000);
  CHECK(saved(R"({"num_labels": 10000000})").dump() ==
        R"({"architectures":["BertModel"],"dtype":"float16","num_labels":10000000})");
}

TEST_CASE("a config of many fields is saved in a time that grows with their number") {
  CHECK(test::linear_time([](std::string_view text) { saved(std::string(text)); },
                          wide_config(2000), wide_config(4000)));
}

TEST_CASE("a tokenizer's files are saved with its class, and those of an earlier one do not stay") {
  const std::string folder = golden::scratch_folder("save-tokenizer");
  const std::string source = folder + "/source", out = folder + "/saved";
  golden::write(source + "/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhob\n##bit\n.\n");
  golden::write(source + "/config.json", R"({"model_type": "bert"})");
  golden::write(source + "/additional_chat_templates/tools.jinja", "{{ 1 }}");
  golden::write(out + "/added_tokens.json", R"({"hobbit": 99999})");
  golden::write(out + "/tokenizer.json", "old");
  golden::write(out + "/mine.txt", "stays");
  golden::write(out + "/additional_chat_templates/old.jinja", "{{ 2 }}");
  golden::write(out + "/additional_chat_templates/mine.txt", "stays");
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(source);
  tokenizer.save_pretrained(out);
  CHECK(golden::files_of(out) == std::vector<std::string>{"additional_chat_templates", "mine.txt",
                                                          "tokenizer_config.json", "vocab.txt"});
  CHECK(golden::files_of(out + "/additional_chat_templates") ==
        std::vector<std::string>{"mine.txt", "tools.jinja"});
  CHECK(golden::read(out + "/additional_chat_templates/tools.jinja") == "{{ 1 }}");
  CHECK(golden::read(out + "/tokenizer_config.json") ==
        "{\n  \"tokenizer_class\": \"BertTokenizer\"\n}\n");
  const Tokenizer again = AutoTokenizer::from_pretrained(out);
  CHECK(again.encode("Hobbit.").ids == std::vector<int64_t>{2, 5, 6, 7, 3});
  again.save_pretrained(out);  // onto itself
  CHECK(AutoTokenizer::from_pretrained(out).encode("Hobbit.").ids ==
        std::vector<int64_t>{2, 5, 6, 7, 3});

  fs::remove_all(out);
  CHECK(golden::error_of([&] { again.save_pretrained(folder + "/two"); }).first ==
        ErrorCode::not_found);
  CHECK(!golden::exists(folder + "/two"));
}
