// SPDX-License-Identifier: Apache-2.0
// search, rerank and info on small models.
#include <doctest/doctest.h>

#include <cmath>

#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "program.h"

using namespace tern::test;
using ::tern::hub::Json;

namespace {

constexpr const char* kClassifier = "bert-for-sequence-classification";
constexpr int kClassifierEntries = 160;  // its vocab_size
constexpr const char* kTexts = "word1 word2\n\n  \nword9 word8 word7\r\nword3\x1b[31m\n";

/// The checkpoint with only the first row of its classifier.
void keep_first_label(const std::string& from, const std::string& to) {
  const auto file = ::tern::hub::open_safetensors(from);
  std::vector<::tern::hub::TensorToWrite> tensors;
  for (const auto& entry : file.header.tensors) {
    ::tern::Bytes bytes(file.storage->data() + entry.begin, entry.end - entry.begin);
    std::vector<int64_t> shape = entry.shape;
    if (entry.name.starts_with("classifier.")) {
      bytes = bytes.first(bytes.size() / static_cast<size_t>(shape[0]));
      shape[0] = 1;
    }
    tensors.push_back({entry.name, entry.dtype, shape, bytes});
  }
  ::tern::hub::write_safetensors(to, tensors, {{"format", "pt"}});
}

}  // namespace

TEST_CASE("search finds the line equal to the query first and counts blank lines") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::string texts = folder.write("texts", kTexts);
  const Outcome outcome =
      run_tern({"search", model, texts, "word9 word8 word7", "word1 word2", "--json"});
  CAPTURE(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  const Json first = Json::parse(lines[0], "answer"), second = Json::parse(lines[1], "answer");
  CHECK(first["query"].string() == "word9 word8 word7");
  REQUIRE(first["results"].elements().size() == 3);
  const Json& best = first["results"].elements()[0];
  CHECK(best["rank"].integer() == 1);
  CHECK(best["line"].integer() == 4);
  CHECK(best["text"].string() == "word9 word8 word7");
  CHECK(best["score"].number().value() == doctest::Approx(1).epsilon(1e-6));
  CHECK(second["results"].elements()[0]["line"].integer() == 1);
}

TEST_CASE(
    "search shows a heading and aligned rows, without colour or control characters in a file") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const Outcome outcome =
      run_tern({"search", model, "-", "word1 word2", "--top-k", "3"}, {.input = kTexts});
  REQUIRE(outcome.exit_code == 0);
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "word1 word2");
  CHECK(lines[1] == " 1  1.0000  1  word1 word2");
  CHECK(outcome.out.find('\x1b') == std::string::npos);
  CHECK(outcome.out.find("word3␛[31m") != std::string::npos);
}

TEST_CASE("search takes queries that look like lists or, after --, like options") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const Outcome outcome =
      run_tern({"search", model, "-", "[a,b]", "--json", "--", "--help"}, {.input = "a\n"});
  REQUIRE(outcome.exit_code == 0);
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(Json::parse(lines[0], "answer")["query"].string() == "[a,b]");
  CHECK(Json::parse(lines[1], "answer")["query"].string() == "--help");
}

TEST_CASE("rerank sorts the lines by the classifier's score, the same for any batch size") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, kClassifier, kClassifierEntries);
  if (model.empty()) return;
  std::string texts;
  for (int i = 0; i < 40; ++i) {
    texts += "word" + std::to_string(i) + (i % 3 == 0 ? " word7 a b c\n" : "\n");
  }
  std::string expected;
  for (const char* batch : {"32", "1", "5"}) {
    const Outcome outcome = run_tern(
        {"rerank", model, "word3", "-", "--json", "--batch-size", batch}, {.input = texts});
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    if (expected.empty()) expected = outcome.out;
    CHECK(outcome.out == expected);
  }
  const Json json = Json::parse(expected, "answer");
  const auto& results = json["results"].elements();
  REQUIRE(results.size() == 40);
  for (size_t i = 1; i < results.size(); ++i) {
    CHECK(results[i - 1]["score"].number().value() >= results[i]["score"].number().value());
  }
  const Outcome best = run_tern({"rerank", model, "word3", "-", "-k", "2"}, {.input = texts});
  CHECK(lines_of(best.out).size() == 3);
  CHECK(run_tern({"rerank", model, "word3", "-", "--label", "99"}, {.input = texts}).exit_code ==
        2);
}

TEST_CASE("rerank with one label gives the sigmoid, or the logit where the configuration says so") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, kClassifier, kClassifierEntries);
  if (model.empty()) return;
  keep_first_label(golden(kClassifier) + "/model.safetensors", model + "/model.safetensors");
  const auto score = [&](const std::string& members) {
    const Json golden_config =
        Json::parse(read_file(golden(kClassifier) + "/config.json"), "config");
    std::string config = "{" + members + "\"num_labels\":1";
    for (const auto& [key, value] : golden_config.members()) {
      if (key != "id2label" && key != "label2id") config += ",\"" + std::string(key) + "\":" + value.dump();
    }
    folder.write(std::string(kClassifier) + "/config.json", config + "}");
    const Outcome outcome =
        run_tern({"rerank", model, "word3", "-", "--json"}, {.input = "word4\n"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    const Json json = Json::parse(outcome.out, "answer");
    CHECK_FALSE(json["results"].elements()[0].contains("logits"));
    return json["results"].elements()[0]["score"].number().value();
  };
  const double logit =
      score(R"("sentence_transformers":{"activation_fn":"torch.nn.modules.linear.Identity"},)");
  const double older =
      score(R"("sbert_ce_default_activation_function":"torch.nn.modules.linear.Identity",)");
  CHECK(older == logit);
  constexpr double kEpsilon = 1e-6;  // a few float roundings of a number below 1
  CHECK(score("") == doctest::Approx(1 / (1 + std::exp(-logit))).epsilon(kEpsilon));
}

TEST_CASE("info tells class, parameters, tokenizer, modules and files, also as JSON") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const Outcome people = run_tern({"info", model});
  CAPTURE(people.err);
  REQUIRE(people.exit_code == 0);
  CHECK(people.out.find("BertModel") != std::string::npos);
  CHECK(people.out.find("every tensor found its place") != std::string::npos);
  const Outcome outcome = run_tern({"info", model, "--json"});
  REQUIRE(outcome.exit_code == 0);
  const Json json = Json::parse(outcome.out, "info");
  CHECK(json["model_type"].string() == "bert");
  CHECK(json["class"].string() == "BertModel");
  CHECK(json["dtype"].string() == "float32");
  CHECK(json["parameters"].integer().value_or(0) > 50'000);
  CHECK(json["vocabulary"].integer() == 300);
  CHECK(json["modules"].dump() == R"(["Transformer","Pooling","Normalize"])");
  CHECK(json["missing_keys"].dump() == "[]");
  CHECK(json["files"].elements().size() >= 5);
}

TEST_CASE("info of a damaged folder tells what it can and ends with the error's code") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  folder.write("minilm/model.safetensors", "short");
  const Outcome outcome = run_tern({"info", model});
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.out.find("model.safetensors") != std::string::npos);
  CHECK(outcome.err.starts_with("tern: "));
}
