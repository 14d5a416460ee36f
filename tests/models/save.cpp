// SPDX-License-Identifier: Apache-2.0
// save_pretrained: what is written loads again as the same model, here and in Transformers, whose
// own files are the oracle of names, types and order.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "../../hub/formats/safetensors.h"
#include "../../models/key_names.h"
#include "../../models/save_shards.h"
#include "golden.h"

using namespace tern;
namespace fs = std::filesystem;

namespace {

const std::string kBert = std::string(TERN_TEST_DATA) + "/golden/bert";

/// Every tensor of a folder's safetensors files, as saved_folder has it.
std::map<std::string, Tensor> all_tensors(const std::string& folder) {
  std::map<std::string, Tensor> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("model") || entry.path().extension() != ".safetensors") continue;
    for (auto& [key, tensor] : golden::tensors(entry.path().string())) {
      CHECK(out.emplace(key, tensor).second);
    }
  }
  return out;
}

void check_same_tensors(const std::map<std::string, Tensor>& got,
                        const std::map<std::string, Tensor>& expected) {
  CHECK(got.size() == expected.size());
  for (const auto& entry : expected) {
    const auto& [name, tensor] = entry;
    INFO(entry.first);
    const auto it = got.find(name);
    REQUIRE(it != got.end());
    CHECK(golden::same_bits(it->second, tensor));
  }
}

void check_same_outputs(const NamedTensors& got, const NamedTensors& expected) {
  REQUIRE(got.entries().size() == expected.entries().size());
  for (const auto& entry : expected.entries()) {
    const auto& [name, tensor] = entry;
    INFO(entry.first);
    CHECK(golden::same_bits(got[name], tensor));
  }
}

/// Saves, loads, and compares both models on these inputs.
PretrainedModel round_trip(const PretrainedModel& model, const NamedTensors& inputs,
                           const std::string& folder, const SaveOptions& options = {}) {
  model.save_pretrained(folder, options);
  PretrainedModel again =
      load_model(model->class_name(), hub::Repo::open(folder), {.variant = options.variant});
  CHECK(again->loading_report().clean());
  CHECK(again->loading_report().dtype == model->loading_report().dtype);
  CHECK(again->config().architectures() == std::vector{model->class_name()});
  check_same_outputs(again(inputs), model(inputs));
  return again;
}

NamedTensors bert_inputs() {
  return {{"input_ids", Tensor::from(std::span<const int64_t>({2, 17, 99, 3}), {1, 4})}};
}

}  // namespace

TEST_CASE("every golden model is saved with Transformers' own tensors and loads as itself") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const std::string scratch = golden::scratch_folder("save");
  // For tests/interop/save_pretrained.py, which loads them in Transformers.
  const char* kept = std::getenv("TERN_KEEP_SAVED");
  int saved = 0, unknown = 0;
  for (const auto& entry : fs::directory_iterator(golden::root())) {
    const std::string folder = entry.path().string();
    if (!golden::exists(folder + "/golden.json")) continue;
    if (!golden::exists(folder + "/model.safetensors")) continue;
    CAPTURE(folder);
    const hub::Repo repo = hub::Repo::open(folder);
    const hub::Json json = hub::Json::parse(repo.read("golden.json"), "golden.json");
    const std::string name(json["saved_class"].string().value_or(""));
    if (name.empty() || !golden::has_class(name, repo)) {
      ++unknown;
      continue;
    }
    const PretrainedModel model = load_model(name, repo);
    const golden::Case first = golden::cases(folder).front();
    const std::string out =
        (kept ? std::string(kept) : scratch) + "/" + entry.path().filename().string();
    model.save_pretrained(out);
    if (kept) initialise_model(name, model->config()).save_pretrained(out + "/fresh");
    check_same_tensors(all_tensors(out), all_tensors(folder));
    CHECK(golden::exists(out + "/generation_config.json") ==
          golden::exists(folder + "/generation_config.json"));
    const hub::Json before = hub::Json::parse(repo.read("config.json"), "before");
    const hub::Json after = hub::Json::parse(golden::read(out + "/config.json"), "after");
    for (const auto& member : before.members()) {
      const std::string key(member.first);  // clang 14 captures no structured binding
      if (key == "torch_dtype") continue;   // its new name is dtype
      CAPTURE(key);
      CHECK(after[key].dump() == member.second.dump());
    }
    if (first.call == "forward") {
      const PretrainedModel one =
          load_model(first.auto_class, repo, golden::load_options(first.load_kwargs));
      round_trip(one, first.inputs, scratch + "/class");
    }
    if (!kept) fs::remove_all(out);
    ++saved;
  }
  MESSAGE(saved << " folders saved, " << unknown << " of classes not there yet");
  CHECK(saved >= 38);
}

TEST_CASE("a checkpoint in any form is saved as the model it became") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const std::string out = golden::scratch_folder("save-forms") + "/saved";
  int saved = 0;
  for (const golden::Load& load : golden::loads()) {
    if (!*load.expected["ok"].boolean() || !golden::has_class(load.task, load.repo)) continue;
    INFO(load.folder, " as ", load.task, " ", load.expected["kwargs"].dump());
    const PretrainedModel model = load_model(load.task, load.repo, load.options);
    fs::remove_all(out);
    model.save_pretrained(out);
    const PretrainedModel again = load_model(load.task, hub::Repo::open(out));
    CHECK(again->loading_report().missing_keys.empty());
    CHECK(again->loading_report().unexpected_keys.empty());
    CHECK(again->loading_report().dtype == model->loading_report().dtype);
    const auto tensors = all_tensors(out);
    CHECK(tensors.size() == model->parameters().size());
    for (const Parameter& p : model->parameters()) {
      INFO(p.name);
      const Tensor& tensor = tensors.at(p.name);
      CHECK(tensor.dtype() == model->loading_report().dtype);
      if (tensor.dtype() == p.tensor.dtype()) {
        CHECK(golden::same_bits(tensor, p.tensor.clone()));
      }
    }
    ++saved;
  }
  MESSAGE(saved << " loads saved");
  CHECK(saved >= 44);
}

TEST_CASE("two names that the config ties are saved once, and twice where their values differ") {
  if (golden::root().empty()) return;
  const std::string out = golden::scratch_folder("save-tied") + "/saved";
  const auto names = [&](const std::string& folder) {
    AutoModelForCausalLM::from_pretrained(golden::root() + "/loading/" + folder)
        .save_pretrained(out);
    const auto tensors = all_tensors(out);
    fs::remove_all(out);
    return std::pair{tensors.contains("model.embed_tokens.weight"),
                     tensors.contains("lm_head.weight")};
  };
  for (const char* folder : {"llama-tied", "llama-tied-copy", "llama-tied-embed-missing"}) {
    CAPTURE(folder);
    CHECK(names(folder) == std::pair{true, false});
  }
  CHECK(names("llama-tied-other") == std::pair{true, true});
}

TEST_CASE("shards of a given size are those of Transformers, with its index") {
  if (golden::root().empty()) return;
  const struct {
    const char* folder;
    const char* limit;
    std::vector<size_t>
        tensors;  // of each shard, in the order of their names, by Transformers 5.24
  } rows[] = {
      {"loading/llama-sharded", "25KB", {3, 6, 7, 5}},
      {"bert-for-masked-lm", "40KB", {4, 4, 8, 10, 6, 10}},
      {"gpt2", "100KB", {11, 10, 4, 10, 4, 1}},
      {"qwen3", "40KB", {1, 1, 3, 6, 4, 5, 5}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.folder);
    const std::string folder = golden::root() + "/" + row.folder;
    const std::string out = golden::scratch_folder("save-shards") + "/saved";
    const hub::Repo repo = hub::Repo::open(folder);
    const PretrainedModel model =
        load_model(AutoConfig::from_repo(repo).architectures().front(), repo);
    model.save_pretrained(out, {.max_shard_size = row.limit});
    const hub::Json index =
        hub::Json::parse(golden::read(out + "/model.safetensors.index.json"), "index");
    std::vector<std::pair<std::string, size_t>> places;
    for (const auto& [name, file] : index["weight_map"].members()) {
      places.emplace_back(name, std::stoul(std::string(file.string()->substr(6, 5))) - 1);
    }
    std::sort(places.begin(), places.end(),
              [](const auto& a, const auto& b) { return natural_less(a.first, b.first); });
    CHECK(std::is_sorted(places.begin(), places.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
    std::vector<size_t> counts(row.tensors.size());
    for (const auto& [name, shard] : places) ++counts.at(shard);
    CHECK(counts == row.tensors);

    const auto tensors = all_tensors(out);
    int64_t bytes = 0, parameters = 0;
    for (const auto& [name, tensor] : tensors) {
      bytes += static_cast<int64_t>(tensor.bytes());
      parameters += tensor.numel();
    }
    CHECK(index["metadata"]["total_size"].integer() == bytes);
    CHECK(index["metadata"]["total_parameters"].integer() == parameters);
    check_same_tensors(tensors, all_tensors(folder));
    const auto header = hub::open_safetensors(out + "/" + golden::files_of(out)[2]).header;
    CHECK(header.metadata == std::vector{std::pair{std::string("format"), std::string("pt")}});
  }
}

TEST_CASE("one byte a shard gives every tensor a file of its own, and a variant its name") {
  const std::string out = golden::scratch_folder("save-one") + "/saved";
  const PretrainedModel model = AutoModel::from_pretrained(kBert);
  round_trip(model, bert_inputs(), out, {.max_shard_size = 1, .variant = "fp16"});
  const size_t tensors = model->parameters().size();
  CHECK(golden::files_of(out).size() == tensors + 2);
  const std::string last =
      "model.fp16-000" + std::to_string(tensors) + "-of-000" + std::to_string(tensors);
  CHECK(golden::exists(out + "/" + last + ".safetensors"));
  CHECK(golden::exists(out + "/model.safetensors.index.fp16.json"));
  check_same_tensors(all_tensors(out), golden::tensors(kBert + "/model.safetensors"));
}

TEST_CASE("tensors are split as huggingface_hub splits them") {
  const struct {
    std::vector<uint64_t> sizes;
    uint64_t limit;
    std::vector<std::vector<size_t>> shards;
  } rows[] = {
      // split_torch_state_dict_into_shards of huggingface_hub 2.4
      {{6, 6, 2, 6, 2, 2}, 10, {{0}, {1, 2}, {3, 4, 5}}},
      {{3, 3, 20, 3, 3, 3}, 10, {{2}, {0, 1, 3}, {4, 5}}},
      {{20, 1}, 10, {{0}, {1}}},
      {{1, 20}, 10, {{1}, {0}}},
      {{5, 5, 5}, 10, {{0, 1}, {2}}},
      {{10, 10}, 10, {{0}, {1}}},
      {{0, 0, 10, 0}, 10, {{0, 1, 2, 3}}},
      {{11, 12}, 10, {{0}, {1}}},
      {{}, 10, {{}}},
  };
  for (const auto& row : rows) {
    const std::vector<Shard> got = split_into_shards(row.sizes, row.limit, "");
    REQUIRE(got.size() == row.shards.size());
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i].tensors == row.shards[i]);
  }
  CHECK(split_into_shards(rows[0].sizes, 10, "")[1].file == "model-00002-of-00003.safetensors");
  CHECK(split_into_shards(rows[0].sizes, 100, "x")[0].file == "model.x.safetensors");
}

TEST_CASE("shard sizes are read as Transformers reads them, and nonsense is refused") {
  CHECK(SaveOptions().max_shard_size.bytes() == 50'000'000'000);
  CHECK(ShardSize("5GB").bytes() == 5'000'000'000);
  CHECK(ShardSize("200MB").bytes() == 200'000'000);
  CHECK(ShardSize(" 1.5 gb ").bytes() == 1'500'000'000);
  CHECK(ShardSize("64KB").bytes() == 64'000);
  CHECK(ShardSize("1Tb").bytes() == 1'000'000'000'000);
  CHECK(ShardSize(1).bytes() == 1);
  CHECK(ShardSize("123").bytes() == 123);
  CHECK(ShardSize("1e30TB").bytes() > uint64_t{1} << 62);
  for (const char* text :
       {"", "GB", "5GiB", "5 G", "-5MB", "0", "0.5", "nan", "infMB", "5GB5", "0x5MB", "5,0MB"}) {
    CAPTURE(text);
    CHECK(golden::error_of([&] { ShardSize size(text); }).first == ErrorCode::invalid_argument);
  }
  CHECK(golden::error_of([] { ShardSize size(0); }).first == ErrorCode::invalid_argument);
  CHECK(golden::error_of([] { ShardSize size(-7); }).first == ErrorCode::invalid_argument);
}

TEST_CASE("a model is saved in the type it was loaded as, whatever the file has") {
  const auto original = golden::tensors(kBert + "/model.safetensors");
  const std::string out = golden::scratch_folder("save-types") + "/saved";
  for (const char* type : {"float32", "bfloat16", "float16"}) {
    for (const char* quantize : {"", "int8"}) {
      CAPTURE(type);
      const PretrainedModel model =
          AutoModel::from_pretrained(kBert, {.dtype = type, .quantize = quantize});
      model.save_pretrained(out);
      const DType dtype = *dtype_from_string(type);
      const auto saved = all_tensors(out);
      CHECK(saved.size() == original.size());
      for (const auto& entry : original) {
        const auto& [name, tensor] = entry;
        INFO(entry.first);
        const Tensor expected =
            dtype == DType::f32 ? tensor : convert(thread_context(), tensor, dtype).clone();
        CHECK(golden::same_bits(saved.at(name), expected));
      }
      CHECK(AutoConfig::from_pretrained(out).dtype() == dtype);
    }
  }
}

TEST_CASE("what stays float32 in a float16 T5 is saved so, and shared tables once") {
  if (golden::root().empty()) return;
  const std::string out = golden::scratch_folder("save-t5") + "/saved";
  AutoModelForSeq2SeqLM::from_pretrained(golden::root() + "/t5", {.dtype = "float16"})
      .save_pretrained(out);
  const auto tensors = all_tensors(out);
  CHECK(tensors.contains("shared.weight"));
  for (const auto& entry : tensors) {
    INFO(entry.first);
    const bool wide = entry.first.find(".wo.") != std::string::npos;
    CHECK(entry.second.dtype() == (wide ? DType::f32 : DType::f16));
    CHECK(entry.first.find("embed_tokens") == std::string::npos);
    CHECK(entry.first.find("lm_head") == std::string::npos);
  }
}

TEST_CASE("a config that was overridden is saved as it was used") {
  const std::string out = golden::scratch_folder("save-config") + "/saved";
  const LoadOptions three{.config_overrides = hub::Json::parse(
                              R"({"num_labels": 3, "torch_dtype": "float32",
                                  "nested": {"a": [1, 1e-30, {}], "b": "\"\u00e9,:{"}})",
                              "overrides")};
  const PretrainedModel model = AutoModelForSequenceClassification::from_pretrained(kBert, three);
  round_trip(model, bert_inputs(), out);
  const std::string text = golden::read(out + "/config.json");
  const hub::Json json = hub::Json::parse(text, "saved");
  CHECK(json["id2label"].dump() == R"({"0":"LABEL_0","1":"LABEL_1","2":"LABEL_2"})");
  CHECK(json["label2id"].dump() == R"({"LABEL_0":0,"LABEL_1":1,"LABEL_2":2})");
  CHECK(!json.contains("num_labels"));
  CHECK(!json.contains("torch_dtype"));
  CHECK(json["architectures"].dump() == R"(["BertForSequenceClassification"])");
  CHECK(text.find("\n  \"architectures\": [\n    \"BertForSequenceClassification\"\n  ],\n") !=
        std::string::npos);
  CHECK(text.find("  \"nested\": {\n    \"a\": [\n      1,\n      1e-30,\n      {}\n    ],\n"
                  "    \"b\": \"\\\"é,:{\"\n  },\n") != std::string::npos);
  CHECK(text.ends_with("\n}\n"));
}
