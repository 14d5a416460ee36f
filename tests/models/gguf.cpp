// SPDX-License-Identifier: Apache-2.0
// Models from GGUF files: golden checkpoints written as llama.cpp's converter writes them must give
// the golden outputs; what the metadata say about the config; files that cannot be.
#include <doctest/doctest.h>

#include <limits>

#include "../../models/text/tokenizer.h"
#include "../hub/formats/gguf_bytes.h"
#include "gguf_export.h"
#include "golden.h"

using namespace tern;
using namespace tern::test;

namespace {

struct Source {
  const char *folder, *architecture;
};
constexpr Source kGolden[] = {
    {"llama", "llama"},      {"llama-rope-llama3", "llama"},
    {"mistral", "mistral"},  {"mixtral", "llama"},
    {"qwen2", "qwen2"},      {"qwen3", "qwen3"},
    {"qwen3-yarn", "qwen3"}, {"gemma", "gemma"},
    {"gemma2", "gemma2"},    {"gemma3", "gemma3"},
    {"phi3", "phi3"},        {"phi3-longrope", "phi3"},
    {"gpt2", "gpt2"},
};

const LoadOptions kExact = {.dtype = "float32", .gguf_file = "model.gguf"};

Config config_of(const std::vector<std::string>& entries) {
  GgufFileBytes file;
  file.entries = entries;
  return AutoConfig::from_repo(gguf_repo(file.made()), kExact);
}

}  // namespace

TEST_CASE("golden checkpoints written as GGUF give Transformers' outputs within 3e-5") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const Source& source : kGolden) {
    const std::string folder = golden::root() + "/" + source.folder;
    CAPTURE(folder);
    const hub::Repo repo = gguf_repo(export_gguf(folder, source.architecture).made());
    double largest = 0;
    size_t outputs = 0;
    for (const golden::Case& c : golden::cases(folder)) {
      if (c.call != "forward") continue;
      CAPTURE(c.name);
      const PretrainedModel model = load_model(c.auto_class, repo, kExact);
      const bool bare = c.auto_class == "AutoModel";  // the file has a head
      CHECK(model->loading_report().missing_keys.empty());
      CHECK((bare || model->loading_report().clean()));
      const NamedTensors got = model(c.inputs, {.arguments = c.kwargs});
      const Tensor mask = c.inputs.get("attention_mask");
      for (const auto& output : c.outputs.entries()) {
        CAPTURE(output.first);
        const double error = golden::error(golden::at_real_tokens(got.get(output.first), mask),
                                           golden::at_real_tokens(output.second, mask));
        CHECK(error <= 3e-5);  // of max(1, max |expected|), as for the checkpoint itself
        largest = std::max(largest, error);
        ++outputs;
      }
    }
    CHECK(outputs >= 4);
    MESSAGE(std::string(source.folder) << " as " << std::string(source.architecture) << ": "
                                       << outputs << " outputs, largest error " << largest);
  }
}

TEST_CASE("a GGUF file's metadata become the config that Transformers makes of them") {
  const Config c = config_of(llama_entries({
      entry("llama.attention.head_count_kv", 4, u32(2)),
      entry("llama.rope.dimension_count", 4, u32(6)),
      number_entry("llama.rope.freq_base", 5e5F),
      number_entry("llama.attention.layer_norm_rms_epsilon", 1e-5F),
      entry("llama.vocab_size", 4, u32(100)),
      entry("tokenizer.ggml.bos_token_id", 4, u32(1)),
      entry("tokenizer.ggml.eos_token_id", 4, u32(2)),
      entry("tokenizer.ggml.padding_token_id", 4, u32(3)),
  }));
  const hub::Json expected = hub::Json::parse(
      R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2,
          "hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 64,
          "rms_norm_eps": 9.999999747378752e-06, "num_attention_heads": 4,
          "num_key_value_heads": 2, "head_dim": 6, "rope_theta": 5e+05, "vocab_size": 100,
          "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3,
          "dtype": "float32"})",
      "expected");
  CHECK(c.json().members().size() == expected.members().size());
  for (const auto& member : expected.members()) {
    CAPTURE(std::string(member.first));
    CHECK(c.json()[member.first].dump() == member.second.dump());
  }
}

TEST_CASE("metadata that cannot be a model are an Error that names the key") {
  struct Row {
    std::vector<std::string> entries;
    ErrorCode code;
    const char* message;
  };
  std::vector<std::string> no_layers = llama_entries();
  no_layers.erase(no_layers.begin() + 1);
  const Row rows[] = {
      {{}, ErrorCode::corrupt, "no general.architecture"},
      {{entry("general.architecture", 4, u32(3))}, ErrorCode::corrupt, "no general.architecture"},
      {{entry("general.architecture", 8, gguf_string("mamba"))},
       ErrorCode::unsupported,
       "'mamba' is not supported as a model; supported: llama, mistral, qwen2"},
      {no_layers, ErrorCode::corrupt,
       "'llama.block_count' must be an integer of 0 or more, but it is missing"},
      {llama_entries({entry("llama.attention.key_length", 8, gguf_string("x"))}),
       ErrorCode::corrupt,
       "'llama.attention.key_length' must be an integer of 1 or more, found another value"},
      {llama_entries(
           {entry("llama.attention.head_count_kv", 9, array_value(4, 2, u32(1) + u32(2)))}),
       ErrorCode::unsupported, "found a list (one for each layer?)"},
      {llama_entries(
           {number_entry("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN())}),
       ErrorCode::corrupt, "'llama.rope.freq_base' must be a finite number"},
      {llama_entries({entry("llama.rope.scaling.type", 4, u32(1))}), ErrorCode::corrupt,
       "'llama.rope.scaling.type' must be a text"},
      {llama_entries({entry("llama.attention.key_length", 4, u32(8)),
                      entry("llama.attention.value_length", 4, u32(4))}),
       ErrorCode::unsupported, "heads of 8 features in keys and 4 in values"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const auto found = golden::error_of([&] { config_of(row.entries); });
    CHECK(found.first == row.code);
    CHECK_MESSAGE(found.second.find(row.message) != std::string::npos, found.second);
    CHECK(found.second.find("model.gguf") != std::string::npos);
  }
}

TEST_CASE("tensors of a GGUF file that are missing, unknown or of another shape are named") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const GgufFileBytes whole = export_gguf(golden::root() + "/llama", "llama");
  GgufFileBytes file = whole;
  file.item("blk.1.attn_k.weight").name = "blk.1.attn_kk.weight";
  file.items.push_back({"rope_factors.weight", {1}, {}, std::string(4, '\0')});
  const PretrainedModel model = AutoModelForCausalLM::from_repo(gguf_repo(file.made()), kExact);
  const LoadingReport& report = model->loading_report();
  CHECK(report.missing_keys == std::vector<std::string>{"model.layers.1.self_attn.k_proj.weight"});
  CHECK(report.unexpected_keys ==
        std::vector<std::string>{"blk.1.attn_kk.weight", "rope_factors.weight"});

  file = whole;
  GgufFileBytes::Item& item = file.item("blk.0.attn_q.weight");
  item.shape = {32, 128};
  const auto wrong =
      golden::error_of([&] { AutoModelForCausalLM::from_repo(gguf_repo(file.made()), kExact); });
  CHECK(wrong.first == ErrorCode::invalid_argument);
  CHECK_MESSAGE(wrong.second.find("model.layers.0.self_attn.q_proj.weight: [32, 128] in the file, "
                                  "[64, 64]") != std::string::npos,
                wrong.second);

  file = whole;
  file.item("blk.0.attn_q.weight").type = static_cast<hub::GgmlType>(34);  // TQ1_0
  file.item("blk.0.attn_q.weight").shape = {8, 256};
  const auto unknown =
      golden::error_of([&] { AutoModelForCausalLM::from_repo(gguf_repo(file.made()), kExact); });
  CHECK(unknown.first == ErrorCode::unsupported);
  CHECK_MESSAGE(unknown.second.find("of the ggml type TQ1_0") != std::string::npos, unknown.second);
}

TEST_CASE("from_pretrained takes gguf_file, and a path to a .gguf file alone") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const std::string folder = golden::scratch_folder("gguf");
  golden::write(folder + "/tiny.gguf", export_gguf(golden::root() + "/qwen3", "qwen3").made());
  golden::write(folder + "/config.json", "{}");  // is not looked at
  const PretrainedModel named =
      AutoModelForCausalLM::from_pretrained(folder, {.dtype = "float32", .gguf_file = "tiny.gguf"});
  const PretrainedModel alone =
      AutoModelForCausalLM::from_pretrained(folder + "/tiny.gguf", {.dtype = "float32"});
  CHECK(named->class_name() == "Qwen3ForCausalLM");
  CHECK(AutoConfig::from_pretrained(folder + "/tiny.gguf").model_type() == "qwen3");
  const NamedTensors inputs = {
      {"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 7, 11}, {1, 3})}};
  CHECK(golden::same_bits(named(inputs)["logits"], alone(inputs)["logits"]));
  const auto missing = golden::error_of(
      [&] { AutoModelForCausalLM::from_pretrained(folder, {.gguf_file = "other.gguf"}); });
  CHECK(missing.first == ErrorCode::not_found);
  CHECK_MESSAGE(missing.second.find("other.gguf") != std::string::npos, missing.second);
}

/// Of keys and values.
static DType kept_in(const PretrainedModel& model) {
  return dynamic_cast<const CausalModel&>(*model).kv_shape().dtype;
}

TEST_CASE("blocks unpacked to float32 give the bits of a file that has their weights in F32") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const NamedTensors inputs = {
      {"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 7, 11, 2, 300}, {1, 5})}};
  for (const hub::GgmlType type : {hub::GgmlType::q8_0, hub::GgmlType::q4_0}) {
    GgufFileBytes blocks = export_gguf(golden::root() + "/llama", "llama"), floats = blocks;
    for (size_t i = 0; i < blocks.items.size(); ++i) {
      if (blocks.items[i].shape.size() != 2) continue;
      quantize(blocks.items[i], type);
      unpack(blocks.items[i], floats.items[i]);
    }
    const hub::Repo stored = gguf_repo(blocks.made());
    const PretrainedModel exact = AutoModelForCausalLM::from_repo(stored, kExact);
    const PretrainedModel same = AutoModelForCausalLM::from_repo(gguf_repo(floats.made()), kExact);
    const Tensor expected = same(inputs)["logits"];
    CHECK(golden::same_bits(exact(inputs)["logits"], expected));
    CHECK(exact->loading_report().quantize.empty());

    // As they are: rows of 32 in int8 are off by a half of 127 steps of their largest, as a normal
    // value a relative 2.1 / 127 / sqrt(12) = 0.5 % (and 2^-9 in bf16), in each of the nine
    // products on the way through two layers and the head.
    const PretrainedModel fast =
        AutoModelForCausalLM::from_repo(stored, {.gguf_file = "model.gguf"});
    CHECK(fast->loading_report().quantize == hub::to_string(type));
    CHECK(kept_in(fast) == (cpu_backend().multiplies_bf16() ? DType::bf16 : DType::f32));
    CHECK(kept_in(exact) == DType::f32);
    const double error = golden::relative_l2(fast(inputs)["logits"], expected);
    CHECK(error <= 9 * (0.005 + 0.002));
    CHECK(error > 1e-5);
    MESSAGE(hub::to_string(type) << ": relative error of the logits " << error);
  }
}

TEST_CASE("GPT-2's matrices, stored the other way round, run from their blocks") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  // The golden one is 48 wide: only what has rows of 192 is in whole blocks.
  GgufFileBytes blocks = export_gguf(golden::root() + "/gpt2", "gpt2"), floats = blocks;
  for (size_t i = 0; i < blocks.items.size(); ++i) {
    if (!blocks.items[i].name.ends_with("ffn_down.weight")) continue;
    quantize(blocks.items[i], hub::GgmlType::q8_0);
    unpack(blocks.items[i], floats.items[i]);
  }
  const NamedTensors inputs = {
      {"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 7, 11}, {1, 3})}};
  const PretrainedModel exact = AutoModelForCausalLM::from_repo(gguf_repo(blocks.made()), kExact);
  const PretrainedModel same = AutoModelForCausalLM::from_repo(gguf_repo(floats.made()), kExact);
  CHECK(golden::same_bits(exact(inputs)["logits"], same(inputs)["logits"]));
  const PretrainedModel fast =
      AutoModelForCausalLM::from_repo(gguf_repo(blocks.made()), {.gguf_file = "model.gguf"});
  CHECK(fast->loading_report().quantize == "Q8_0");
  CHECK(golden::relative_l2(fast(inputs)["logits"], same(inputs)["logits"]) <= 9 * 0.007);
}
