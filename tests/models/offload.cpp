// SPDX-License-Identifier: Apache-2.0
// device_map: modules left on disk give the bits of those in memory, read ahead in order; what is
// planned, refused, and what a file that is cut later gives.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "../../models/generate/generate.h"
#include "../../models/placement.h"
#include "packed_model.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr const char* kLlama = kModels[1].second;
constexpr const char* kTied = R"({"model_type": "llama", "vocab_size": 96, "hidden_size": 64,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": true})";
constexpr const char* kMixtral = R"({"model_type": "mixtral", "vocab_size": 96, "hidden_size": 64,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "num_local_experts": 3, "num_experts_per_tok": 2})";

std::vector<std::pair<const char*, const char*>> models() {
  std::vector<std::pair<const char*, const char*>> all(kModels.begin(), kModels.end());
  all.emplace_back("AutoModelForCausalLM", kTied);
  all.emplace_back("AutoModelForCausalLM", kMixtral);
  return all;
}

NamedTensors two_tokens() {
  const std::vector<int64_t> ids = {5, 6};
  return {{"input_ids", Tensor::from<int64_t>(ids, {1, 2})}};
}

/// What is asked of the file's pages, in order.
struct PageEnv : Env {
  PageEnv() { set_env(this); }
  ~PageEnv() override { set_env(nullptr); }
  std::vector<const std::byte*> read, ahead;

  bool populate(const std::byte* data, size_t size) noexcept override {
    read.push_back(data);
    return Env::populate(data, size);
  }
  void prefetch(const std::byte* data, size_t size) noexcept override {
    ahead.push_back(data);
    Env::prefetch(data, size);
  }
};

}  // namespace

TEST_CASE("modules on disk give the bits of modules in memory, in every type") {
  const std::string maps[] = {"disk", R"({"": "cpu", "model.layers.1": "disk"})",
                              R"({"": "disk", "model.layers.0": "cpu", "encoder.layer.1": 0})"};
  for (const auto& tried : models()) {
    CAPTURE(tried.second);
    const PackedModel model(tried.first, tried.second);
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
      CAPTURE(dtype);
      const Tensor expected = model.run({.dtype = dtype});
      for (const std::string& map : maps) {
        const Tensor got =
            model.run({.dtype = dtype, .device_map = map, .max_memory = R"({"0": "1GB"})"});
        CHECK_MESSAGE(golden::same_bits(got, expected), map);
      }
    }
  }
}

TEST_CASE(
    "a model that runs from its files at first has the same bits then and when it is packed") {
  for (const auto& tried : models()) {
    CAPTURE(tried.second);
    const PackedModel model(tried.first, tried.second);
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
      CAPTURE(dtype);
      const PretrainedModel packed = model.load({.dtype = dtype, .pack_at_load = true});
      const PretrainedModel mapped = model.load({.dtype = dtype, .pack_at_load = false});
      const Tensor expected = packed(two_tokens()).entries()[0].second;
      for (int call = 0; call < 3; ++call) {
        CHECK(golden::same_bits(mapped(two_tokens()).entries()[0].second, expected));
      }
    }
  }
}

TEST_CASE("a model on disk generates the tokens of one in memory, with threads beside each other") {
  const PackedModel model("AutoModelForCausalLM", kLlama);
  const PretrainedModel memory = model.load({}), disk = model.load({.device_map = "disk"});
  NamedTensors inputs;
  const Tensor ids = Tensor::empty(DType::i64, {2, 3});
  for (int64_t i = 0; i < 6; ++i) ids.data<int64_t>()[i] = 7 * i + 2;
  inputs.set("input_ids", ids);
  GenerationConfig config;
  config.max_new_tokens = 9;
  config.output_logits = true;
  const auto run = [&](const PretrainedModel& m) {
    Context ctx;
    return generate(ctx, *m, inputs, config)["step_logits"].clone();
  };
  const Tensor expected = run(memory);
  std::vector<Tensor> got(3);
  std::vector<std::thread> threads;
  for (Tensor& out : got) threads.emplace_back([&] { out = run(disk); });
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& out : got) CHECK(golden::same_bits(out, expected));
}

TEST_CASE("each matrix on disk is asked for before it is read, and nothing of it when it loads") {
  const PackedModel model("AutoModelForCausalLM", kLlama);
  PageEnv pages;
  const PretrainedModel disk = model.load({.device_map = R"({"": "cpu", "model.layers": "disk"})"});
  CHECK(pages.ahead.empty());
  std::map<const std::byte*, std::string> names;
  for (const Parameter& p : disk->parameters()) {
    if (p.tensor.shape().rank() == 2) names[p.tensor.raw()] = p.name;
  }
  const auto matrices_of_layers = [&](const std::vector<const std::byte*>& asked) {
    std::vector<std::string> out;
    for (const std::byte* data : asked) {
      if (names.contains(data) && names[data].starts_with("model.layers."))
        out.push_back(names[data]);
    }
    return out;
  };
  CHECK(matrices_of_layers(pages.read).empty());
  pages.read.clear();
  disk(two_tokens());
  const std::vector<std::string> read = matrices_of_layers(pages.read);
  const std::vector<std::string> ahead = matrices_of_layers(pages.ahead);
  REQUIRE(read.size() == 14);  // of two layers: q k v o gate up down
  CHECK(read.front() == "model.layers.0.self_attn.q_proj.weight");
  CHECK(read.back() == "model.layers.1.mlp.down_proj.weight");
  REQUIRE(ahead.size() >= 11);
  CHECK(ahead.front() == "model.layers.0.self_attn.o_proj.weight");  // behind q, k and v
}

namespace {

/// Bytes of this process in memory, of files and of none.
int64_t resident() {
  std::ifstream status("/proc/self/status");
  int64_t kilobytes = 0, number = 0;
  for (std::string word; status >> word;) {
    if (word == "RssAnon:" || word == "RssFile:") kilobytes += status >> number ? number : 0;
  }
  return kilobytes << 10;
}

/// The most that is in memory whenever pages of a file are asked for.
struct ResidentEnv : Env {
  ResidentEnv() { set_env(this); }
  ~ResidentEnv() override { set_env(nullptr); }
  int64_t most = 0;
  bool populate(const std::byte* data, size_t size) noexcept override {
    const bool there = Env::populate(data, size);
    most = std::max(most, resident());
    return there;
  }
};

}  // namespace

TEST_CASE("modules on disk take the memory of a matrix, whatever their number") {
  const PackedModel model("AutoModelForCausalLM", R"({"model_type": "llama", "vocab_size": 500,
      "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8,
      "num_attention_heads": 8})");
  constexpr int64_t kWeights = int64_t{136} << 20;
  const auto taken = [&](const LoadOptions& options) {
    ::malloc_trim(0);
    ResidentEnv env;
    const int64_t before = resident();
    const PretrainedModel loaded = model.load(options);
    loaded(two_tokens());
    return std::max(env.most, resident()) - before;
  };
  const int64_t memory = taken({}), disk = taken({.device_map = "disk"});
  const int64_t half = taken({.device_map = "auto", .max_memory = R"({"cpu": "68MiB"})"});
  MESSAGE("MiB of " << (kWeights >> 20) << ": in memory " << (memory >> 20) << ", half "
                    << (half >> 20) << ", on disk " << (disk >> 20));
  if (std::getenv("TERN_TEST_SANITIZED")) return;
  CHECK(memory > kWeights * 3 / 4);
  CHECK(half < kWeights / 2 + (24 << 20));
  CHECK(disk < 24 << 20);  // the largest two, woven, as in the file and as panels, come to 16
}

TEST_CASE("plans: budgets fill in the order of definition, and what is left goes to disk") {
  const auto map_of = [](const char* config, const std::string& map, const std::string& memory) {
    const PackedModel model("AutoModelForCausalLM", config);
    const PretrainedModel made = model.load({.device_map = map, .max_memory = memory});
    CHECK(golden::same_bits(model.run({.device_map = map, .max_memory = memory}), model.run({})));
    return made->hf_device_map().dump();
  };
  CHECK(map_of(kLlama, "auto", "") == R"({"": "cpu"})");
  CHECK(map_of(kLlama, "auto", "{}") == R"({"": "disk"})");
  CHECK(map_of(kLlama, "", "") == "{}");
  // Bytes: table and head 24,576 each, a layer 123,392 (q, o 16,384; k, v 8,192; 3 × 24,576;
  // norms).
  // The CPU keeps room for a layer where it is the last that is no disk.
  CHECK(map_of(kLlama, "sequential", R"({"cpu": 280000})") ==
        R"({"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", )"
        R"("model.norm": "disk", "lm_head": "disk"})");
  CHECK(map_of(kLlama, "auto", R"({"0": 280000, "cpu": 280000})") ==
        R"({"model.embed_tokens": 0, "model.layers.0": 0, "model.layers.1": "cpu", )"
        R"("model.norm": "cpu", "lm_head": "cpu"})");
  // A tied head goes where the table is, and takes no room.
  CHECK(map_of(kTied, "auto", R"({"cpu": "1MB"})") == R"({"": "cpu"})");
}

TEST_CASE("tensors and numbered modules are told to the planner as the class defines them") {
  CHECK(numbered_modules({{"model.layers.0.mlp.experts.3.w1.weight"},
                          {"model.layers.0.norm.weight"},
                          {"model.layers.11.norm.weight"},
                          {"h.2.ln.weight"},
                          {"4.weight"},
                          {"norm.weight"},
                          {"layer2.weight"},
                          {"a.b.7"}}) ==
        std::vector<std::string>{"model.layers.0", "model.layers.11", "h.2", "4"});
}

TEST_CASE("what device_map and max_memory cannot mean is an Error that says so") {
  const PackedModel model("AutoModelForCausalLM", kLlama);
  struct Row {
    LoadOptions options;
    ErrorCode code;
    const char* message;
  };
  const Row rows[] = {
      {{.device_map = "cuda:0"}, ErrorCode::unsupported, "accelerator 0"},
      {{.device_map = R"({"model": 2})"}, ErrorCode::unsupported, "sends 'model' to accelerator 2"},
      {{.device_map = "automatic"}, ErrorCode::invalid_argument, "automatic"},
      {{.device_map = "{"}, ErrorCode::corrupt, "device_map"},
      {{.device_map = R"({"model": 1.5})"}, ErrorCode::invalid_argument, "device_map"},
      {{.device_map = "auto", .max_memory = "7"}, ErrorCode::invalid_argument, "max_memory"},
      {{.device_map = "auto", .max_memory = R"({"cpu": "much"})"},
       ErrorCode::invalid_argument,
       "much"},
      {{.max_memory = R"({"cpu": 1})"}, ErrorCode::invalid_argument, "set device_map to auto"},
      {{.quantize = "int8", .device_map = "disk"},
       ErrorCode::unsupported,
       "quantize makes weights"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.options.device_map);
    const auto found = golden::error_of([&] { model.load(row.options); });
    CHECK(found.first == row.code);
    CHECK_MESSAGE(found.second.find(row.message) != std::string::npos, found.second);
  }
}

TEST_CASE("a file that is cut under a model on disk is an Error of the call that needs it") {
  const PackedModel model("AutoModelForCausalLM", kLlama);
  const PretrainedModel disk = model.load({.device_map = "disk"});
  disk(two_tokens());
  uint64_t attention = 0;  // of the last layer: behind all that runs before it
  const hub::SafetensorsFile file = hub::open_safetensors(model.weights());
  for (const hub::TensorEntry& entry : file.header.tensors) {
    if (entry.name == "model.layers.1.self_attn.k_proj.weight") attention = entry.begin;
  }
  std::filesystem::resize_file(model.weights(), attention);
  const auto found = golden::error_of([&] { disk(two_tokens()); });
  CHECK(found.first == ErrorCode::io);
  CHECK_MESSAGE(found.second.find("'model.layers.1.self_attn.") == 0, found.second);
  CHECK(found.second.find("was left on disk, cannot be read any more") != std::string::npos);
}
