// SPDX-License-Identifier: Apache-2.0
// config.json is hostile: any value of any field is a model that runs or an Error, never a crash.
#include <doctest/doctest.h>

#include <limits>

#include "../../engine/base/format.h"
#include "../../models/key_names.h"
#include "golden.h"

using namespace tern;

namespace {

const char* const kIntegers[] = {"vocab_size",        "hidden_size",
                                 "num_hidden_layers", "num_attention_heads",
                                 "intermediate_size", "max_position_embeddings",
                                 "type_vocab_size",   "pad_token_id"};
/// Values that no integer field takes.
const char* const kNeverIntegers[] = {"-2",
                                      "1.5",
                                      "\"12\"",
                                      "true",
                                      "[]",
                                      "{}",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "1e300",
                                      "9223372036854775807",
                                      "99999999999999999999"};
/// Values that some field takes, on their own or together.
const char* const kOdd[] = {"0", "1", "3", "65536", "1048576", "null"};

struct Folder {
  hub::Json config;
  StorageRef weights;

  explicit Folder(const std::string& path)
      : config(hub::Json::parse(golden::read(path + "/config.json"), "config.json")),
        weights(golden::storage_of(golden::read(path + "/model.safetensors"))) {}

  hub::Repo with(const std::vector<std::pair<std::string, std::string>>& fields) const {
    std::string text = "{";
    for (const auto& [name, value] : config.members())
      text += cat("\"", name, "\": ", value.dump(), ", ");
    for (const auto& [name, value] : fields) text += "\"" + name + "\": " + value + ", ";
    text += "\"end\": 0}";  // of duplicate keys the last counts
    return hub::Repo::from_memory(
        {{"config.json", golden::storage_of(text)}, {"model.safetensors", weights}});
  }
};

/// The code of the Error, or nothing when the model loads and runs.
std::optional<ErrorCode> outcome(const hub::Repo& repo) {
  const std::vector<int64_t> ids = {2, 17, 3};
  try {
    const PretrainedModel model = load_model("AutoModel", repo);
    model({{"input_ids", Tensor::from(std::span<const int64_t>(ids), {1, 3})}});
  } catch (const Error& e) {
    return e.code();
  }
  return std::nullopt;
}

bool is_error(const hub::Repo& repo) {
  const auto code = outcome(repo);
  return code && *code != ErrorCode::internal;
}

}  // namespace

TEST_CASE("a config field outside its range is an Error that names it") {
  const Folder bert(std::string(TERN_TEST_DATA) + "/golden/bert");
  CHECK_FALSE(outcome(bert.with({})));
  for (const char* field : kIntegers) {
    for (const char* value : kNeverIntegers) {
      INFO(field, " = ", value);
      CHECK(is_error(bert.with({{field, value}})));
    }
  }
  for (const char* value : {"-1", "1.5", "\"1e-12\"", "true", "[]", "NaN", "Infinity", "1e300"}) {
    INFO("layer_norm_eps = ", value);
    CHECK(is_error(bert.with({{"layer_norm_eps", value}})));
  }
  for (const char* value : {"\"swiglu9\"", "1", "[]", "{}", "true"}) {
    INFO("hidden_act = ", value);
    CHECK(is_error(bert.with({{"hidden_act", value}})));
  }
  CHECK(is_error(bert.with({{"num_attention_heads", "5"}})));  // does not divide 64
  CHECK(is_error(bert.with({{"is_decoder", "3"}})));
  CHECK(is_error(bert.with({{"is_decoder", "true"}, {"add_cross_attention", "true"}})));
  CHECK(is_error(bert.with({{"position_embedding_type", "\"relative_key\""}})));
  try {
    load_model("AutoModel", bert.with({{"num_hidden_layers", "-2"}}));
  } catch (const Error& e) {
    CHECK(std::string(e.what()) ==
          "config.json: 'num_hidden_layers' must be an integer in [0, 1024], found -2");
  }
}

TEST_CASE("any two odd config fields together are an Error or a model that runs") {
  std::vector<std::string> folders = {std::string(TERN_TEST_DATA) + "/golden/bert"};
  if (!golden::root().empty()) {
    for (const char* name : {"roberta", "mpnet", "llama", "gpt2"})
      folders.push_back(golden::root() + "/" + name);
  }
  int errors = 0, models = 0;
  for (const std::string& path : folders) {
    const Folder folder(path);
    for (const char* first : kIntegers) {
      for (const char* second : kIntegers) {
        for (const char* a : kOdd) {
          for (const char* b : kOdd) {
            if (first >= second) continue;
            const auto code = outcome(folder.with({{first, a}, {second, b}}));
            INFO(path, ": ", first, " = ", a, ", ", second, " = ", b);
            CHECK(code != ErrorCode::internal);
            ++(code ? errors : models);
          }
        }
      }
    }
  }
  MESSAGE(errors << " errors, " << models << " models");
}

TEST_CASE("config.json that is no object, or no JSON, is corrupt") {
  for (const char* text : {"", "[]", "3", "{", "{\"model_type\": \"bert\"", "nul"}) {
    CAPTURE(text);
    const hub::Repo repo = hub::Repo::from_memory({{"config.json", golden::storage_of(text)}});
    CHECK(outcome(repo) == ErrorCode::corrupt);
  }
}

TEST_CASE("num_labels counts id2label, and an override replaces the names") {
  const Config file(
      hub::Json::parse(R"({"id2label": {"0": "A", "1": "B", "2": "C"}})", "config.json"),
      "config.json");
  CHECK(file.num_labels() == 3);
  CHECK(file.label(1) == "B");
  CHECK(file.label(7) == "LABEL_7");
  const Config more = file.with(hub::Json::parse(R"({"num_labels": 5})", "set"));
  CHECK(more.num_labels() == 5);
  CHECK(more.label(1) == "LABEL_1");
  CHECK(Config(hub::Json::object({}), "config.json").num_labels() == 2);
  CHECK(file.with(hub::Json::parse(R"({"num_labels": 3})", "set")).label(1) == "B");
}

TEST_CASE("dtype is read under both names and both spellings") {
  const auto dtype = [](const char* text) {
    return Config(hub::Json::parse(text, "c"), "c").dtype();
  };
  CHECK(dtype(R"({"dtype": "bfloat16"})") == DType::bf16);
  CHECK(dtype(R"({"torch_dtype": "torch.float16"})") == DType::f16);
  CHECK(dtype(R"({"torch_dtype": null})") == std::nullopt);
  CHECK(dtype(R"({"dtype": "int8"})") == std::nullopt);
  CHECK(dtype("{}") == std::nullopt);
}

TEST_CASE("names are ordered with numbers as numbers") {
  CHECK(natural_less("layer.2.x", "layer.10.x"));
  CHECK_FALSE(natural_less("layer.10.x", "layer.2.x"));
  CHECK(natural_less("a", "a.b"));
  CHECK(natural_less("layer.9", "layer.09") != natural_less("layer.09", "layer.9"));
  CHECK(natural_less("99999999999999999999998", "99999999999999999999999"));
  CHECK_FALSE(natural_less("x", "x"));
}

TEST_CASE("the nearest name is found by edits, and nothing far away") {
  const std::vector<std::string> names = {"encoder.layer.0.output", "pooler.dense.weight",
                                          "cls.bias"};
  CHECK(nearest_name("pooler.dens.weight", names) == "pooler.dense.weight");
  CHECK(nearest_name("something.else.entirely", names).empty());
  CHECK(nearest_name(std::string(100000, 'x'), names).empty());
}
