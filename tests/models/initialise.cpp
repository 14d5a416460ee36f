// SPDX-License-Identifier: Apache-2.0
// Models made from a config alone: which parameters are 0, 1 or random, and how spread, by the
// rules of Transformers' _init_weights; a head that a checkpoint lacks follows the same rules.
#include "../../models/initialise.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "../../engine/threads.h"
#include "../../models/registry.h"
#include "golden.h"

using namespace tern;
namespace fs = std::filesystem;

namespace {

const std::string kBert = std::string(TERN_TEST_DATA) + "/golden/bert";

Config config_of(const std::string& text) {
  return {hub::Json::parse(text, "config.json"), "config.json"};
}

Tensor parameter(const PretrainedModel& model, const std::string& name) {
  for (const Parameter& p : model->parameters()) {
    if (p.name == name) return p.tensor;
  }
  FAIL("no parameter " << name);
  return {};
}

/// Count, mean and standard deviation of normal values: within five standard errors of what they
/// are drawn from, so that one test in a million fails by chance; seeds are fixed.
void check_normal(const float* x, int64_t n, double deviation) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += double{x[i]};
    squares += double{x[i]} * double{x[i]};
  }
  const auto count = static_cast<double>(n);
  const double mean = sum / count, spread = std::sqrt(squares / count - mean * mean);
  CAPTURE(mean);
  CAPTURE(spread);
  CHECK(std::abs(mean) <= 5 * deviation / std::sqrt(count));
  CHECK(std::abs(spread - deviation) <= 5 * deviation / std::sqrt(2 * count));
}

bool all_equal(const Tensor& x, float value) {
  const float* data = x.data<float>();
  return std::all_of(data, data + x.numel(), [&](float v) { return v == value; });
}

/// What Transformers does with a parameter of this name in every architecture but for a few names.
void check_usual(const std::string& name, const Tensor& x, double deviation, int64_t padding) {
  CAPTURE(name);
  const bool norm = name.find("norm") != std::string::npos ||
                    name.find("LayerNorm") != std::string::npos ||
                    name.find("ln_") != std::string::npos;
  const bool padded =
      name.ends_with("word_embeddings.weight") || name.ends_with("embed_tokens.weight");
  if (name.ends_with("bias")) {
    CHECK(all_equal(x, 0));
  } else if (norm) {
    CHECK(all_equal(x, 1));
  } else if (padded && padding >= 0) {
    CHECK(all_equal(x[padding], 0));
    const int64_t hidden = x.dim(1);
    check_normal(x.data<float>() + (padding + 1) * hidden, (x.dim(0) - padding - 1) * hidden,
                 deviation);
  } else {
    check_normal(x.data<float>(), x.numel(), deviation);
  }
}

constexpr const char* kLlama =
    R"({"model_type": "llama", "vocab_size": 320, "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.05)";

}  // namespace

TEST_CASE("a model from its config has the names and shapes of a trained one, and runs") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  int made = 0;
  for (const auto& entry : fs::directory_iterator(golden::root())) {
    const std::string folder = entry.path().string();
    if (!golden::exists(folder + "/golden.json")) continue;
    CAPTURE(folder);
    const hub::Repo repo = hub::Repo::open(folder);
    const hub::Json json = hub::Json::parse(repo.read("golden.json"), "golden.json");
    const std::string name(json["saved_class"].string().value_or(""));
    PretrainedModel trained;
    try {
      trained = load_model(name, repo);
    } catch (const Error&) {
      continue;  // a class that is not there yet
    }
    const PretrainedModel fresh = initialise_model(name, trained->config());
    CHECK(fresh->loading_report().clean());
    CHECK(fresh->loading_report().dtype == trained->loading_report().dtype);
    REQUIRE(fresh->parameters().size() == trained->parameters().size());
    for (size_t i = 0; i < fresh->parameters().size(); ++i) {
      CHECK(fresh->parameters()[i].name == trained->parameters()[i].name);
      CHECK(fresh->parameters()[i].tensor.shape() == trained->parameters()[i].tensor.shape());
    }
    const golden::Case first = golden::cases(folder).front();
    if (first.call == "forward") {
      const NamedTensors outputs =
          initialise_model(first.auto_class, trained->config())(first.inputs);
      for (const auto& [output, tensor] : outputs.entries()) {
        CHECK(golden::error(tensor, tensor) == 0);  // finite
      }
    }
    ++made;
  }
  MESSAGE(made << " models made");
  CHECK(made >= 38);
}

TEST_CASE("biases are 0, norms 1, the padding's row 0 and the rest normal with initializer_range") {
  const struct {
    const char* task;
    const char* config;
    double deviation;
    int64_t padding;
  } rows[] = {
      {"AutoModelForPreTraining",
       R"({"model_type": "bert", "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2,
           "num_attention_heads": 4, "intermediate_size": 128, "initializer_range": 0.1})",
       0.1, 0},
      {"AutoModelForMaskedLM",
       R"({"model_type": "bert", "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 1,
           "num_attention_heads": 4, "intermediate_size": 128, "pad_token_id": null})",
       0.02, -1},
      {"AutoModelForSequenceClassification",
       R"({"model_type": "distilbert", "vocab_size": 300, "dim": 64, "n_layers": 2, "n_heads": 4,
           "hidden_dim": 128, "pad_token_id": 5})",
       0.02, 5},
      {"AutoModelForCausalLM", R"({"model_type": "qwen2", "vocab_size": 320, "hidden_size": 64,
           "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
           "num_key_value_heads": 2, "initializer_range": 0})",
       0.02, -1},
      {"AutoModelForCausalLM", R"({"model_type": "mixtral", "vocab_size": 320, "hidden_size": 64,
           "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
           "num_key_value_heads": 2, "num_local_experts": 3, "pad_token_id": 7})",
       0.02, 7},
      {"AutoModel", R"({"model_type": "gpt_neox", "vocab_size": 320, "hidden_size": 64,
           "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4})",
       0.02, -1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.config);
    const PretrainedModel model = initialise_model(row.task, config_of(row.config));
    CHECK(model->parameters().size() > 20);
    for (const Parameter& p : model->parameters()) {
      check_usual(p.name, p.tensor, row.deviation, row.padding);
    }
  }
}

TEST_CASE("RoBERTa and MPNet have zero rows in both tables, and Gemma's norms count from 0") {
  for (const char* type : {"roberta", "mpnet"}) {
    CAPTURE(type);
    const PretrainedModel model = AutoModel::from_config(
        config_of(std::string(R"({"vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 1,
           "num_attention_heads": 4, "intermediate_size": 128, "model_type": ")") +
                  type + "\"}"));
    CHECK(all_equal(parameter(model, "embeddings.word_embeddings.weight")[1], 0));
    CHECK(all_equal(parameter(model, "embeddings.position_embeddings.weight")[1], 0));
    CHECK(!all_equal(parameter(model, "embeddings.word_embeddings.weight")[0], 0));
  }
  const PretrainedModel gemma = AutoModelForCausalLM::from_config(
      config_of(R"({"model_type": "gemma", "vocab_size": 320, "hidden_size": 64, "head_dim": 16,
        "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4,
        "num_key_value_heads": 1})"));
  CHECK(all_equal(parameter(gemma, "model.norm.weight"), 0));
  CHECK(all_equal(parameter(gemma, "model.layers.0.input_layernorm.weight"), 0));
  CHECK(all_equal(parameter(gemma, "model.embed_tokens.weight")[0], 0));
}

TEST_CASE("GPT-2's projections onto the residual stream are scaled by the depth") {
  const PretrainedModel model = AutoModelForCausalLM::from_config(
      config_of(R"({"model_type": "gpt2", "vocab_size": 320, "n_embd": 64, "n_layer": 8,
                    "n_head": 4, "n_positions": 128})"));
  const double scaled = 0.02 / std::sqrt(16.0);
  for (const Parameter& p : model->parameters()) {
    const bool residual = p.name.ends_with("c_proj.weight");
    check_usual(p.name, p.tensor, residual ? scaled : 0.02, -1);
  }
}

TEST_CASE("T5's tensors are spread by the width of what they multiply, and BART's padding is 0") {
  const PretrainedModel model = AutoModelForSeq2SeqLM::from_config(
      config_of(R"({"model_type": "t5", "vocab_size": 320, "d_model": 64, "d_kv": 16, "d_ff": 96,
                    "num_layers": 1, "num_heads": 2, "initializer_factor": 0.5})"));
  const auto check = [&](const std::string& name, double deviation) {
    CAPTURE(name);
    const Tensor x = parameter(model, name);
    check_normal(x.data<float>(), x.numel(), deviation);
  };
  const std::string self = "decoder.block.0.layer.0.SelfAttention.";
  check("shared.weight", 0.5);
  check(self + "q.weight", 0.5 / std::sqrt(64.0 * 16));
  check(self + "k.weight", 0.5 / std::sqrt(64.0));
  check(self + "v.weight", 0.5 / std::sqrt(64.0));
  check(self + "o.weight", 0.5 / std::sqrt(32.0));
  check(self + "relative_attention_bias.weight", 0.5 / std::sqrt(64.0));
  check("decoder.block.0.layer.2.DenseReluDense.wi.weight", 0.5 / std::sqrt(64.0));
  check("decoder.block.0.layer.2.DenseReluDense.wo.weight", 0.5 / std::sqrt(96.0));
  CHECK(all_equal(parameter(model, "encoder.final_layer_norm.weight"), 1));

  const PretrainedModel bart = AutoModelForSeq2SeqLM::from_config(
      config_of(R"({"model_type": "bart", "vocab_size": 320, "d_model": 64, "encoder_layers": 1,
                    "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
                    "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "init_std": 0.07})"));
  CHECK(all_equal(parameter(bart, "model.shared.weight")[1], 0));
  CHECK(all_equal(parameter(bart, "final_logits_bias"), 0));
  const Tensor up = parameter(bart, "model.encoder.layers.0.fc1.weight");
  check_normal(up.data<float>(), up.numel(), 0.07);
}

TEST_CASE("DistilBERT's positions are sinusoids when the config says so") {
  const PretrainedModel model = AutoModel::from_config(
      config_of(R"({"model_type": "distilbert", "vocab_size": 30, "dim": 8, "n_layers": 1,
        "n_heads": 2, "hidden_dim": 16, "sinusoidal_pos_embds": true,
        "max_position_embeddings": 16})"));
  const Tensor table = parameter(model, "embeddings.position_embeddings.weight");
  const auto at = [&](int64_t p, int64_t j) { return double{table.data<float>()[p * 8 + j]}; };
  CHECK(at(0, 0) == 0);
  CHECK(at(0, 1) == 1);
  CHECK(at(3, 0) == doctest::Approx(std::sin(3.0)));
  CHECK(at(3, 1) == doctest::Approx(std::cos(3.0)));
  CHECK(at(5, 6) == doctest::Approx(std::sin(5.0 / 1000)));
  CHECK(at(5, 7) == doctest::Approx(std::cos(5.0 / 1000)));
}

TEST_CASE("a seed gives the same weights, in any type and for any number of threads") {
  const Config config = config_of(std::string(kLlama) + "}");
  const std::string name = "model.embed_tokens.weight";
  const Tensor one = parameter(AutoModelForCausalLM::from_config(config, {.seed = 3}), name);
  CHECK(golden::same_bits(one,
                          parameter(AutoModelForCausalLM::from_config(config, {.seed = 3}), name)));
  CHECK(!golden::same_bits(
      one, parameter(AutoModelForCausalLM::from_config(config, {.seed = 4}), name)));
  for (const DType dtype : {DType::bf16, DType::f16}) {
    const PretrainedModel narrow = AutoModelForCausalLM::from_config(
        config, {.dtype = std::string(to_string(dtype)), .seed = 3});
    CHECK(
        golden::same_bits(parameter(narrow, name), convert(thread_context(), one, dtype).clone()));
  }
  // A region inside of another runs serially: as with one thread.
  const Shape shape{3'000'001};
  const FreshTensor fresh{.deviation = 1, .dtype = DType::f32, .seed = 9, .name = "x"};
  const Tensor many = initialised(shape, Init::normal, fresh);
  Tensor serial;
  ThreadPool::shared().parallel_for(
      1, [&](int64_t, int) { serial = initialised(shape, Init::normal, fresh); });
  CHECK(golden::same_bits(many, serial));
  FreshTensor half = fresh;
  half.dtype = DType::bf16;
  CHECK(golden::same_bits(initialised(shape, Init::normal, half),
                          convert(thread_context(), many, DType::bf16).clone()));
  check_normal(many.data<float>(), many.numel(), 1);
}

TEST_CASE("different tensors and tiles have different values, up to the tails of a normal") {
  const FreshTensor fresh{.deviation = 1, .dtype = DType::f32, .seed = 0, .name = "x"};
  const Tensor x = initialised({1 << 20}, Init::normal, fresh);
  const float* data = x.data<float>();
  std::vector<float> values(data, data + x.numel());
  std::sort(values.begin(), values.end());
  CHECK(std::unique(values.begin(), values.end()) - values.begin() > 900'000);
  int beyond[5] = {};
  for (int64_t i = 0; i < x.numel(); ++i) {
    for (int s = 1; s < 5; ++s) beyond[s] += std::abs(data[i]) > static_cast<float>(s);
  }
  const double expected[] = {0, 0.31731, 0.045500, 0.0026998, 6.3342e-5};
  for (int s = 1; s < 5; ++s) {
    const double n = static_cast<double>(x.numel()), mean = n * expected[s];
    CAPTURE(s);
    CHECK(std::abs(beyond[s] - mean) <= 5 * std::sqrt(mean));
  }
}

TEST_CASE("a model from its config is saved and loads with the same outputs") {
  const std::string out = golden::scratch_folder("save-fresh") + "/saved";
  const std::vector<int64_t> ids = {1, 17, 99, 3};
  const NamedTensors inputs{{"input_ids", Tensor::from(std::span<const int64_t>(ids), {1, 4})}};
  for (const char* dtype : {"float32", "bfloat16", "float16"}) {
    const PretrainedModel model = AutoModelForCausalLM::from_config(
        config_of(std::string(kLlama) + R"(, "tie_word_embeddings": true})"), {.dtype = dtype});
    model.save_pretrained(out);
    const PretrainedModel again = AutoModelForCausalLM::from_pretrained(out);
    CHECK(again->loading_report().clean());
    CHECK(to_string(again->loading_report().dtype) == dtype);
    CHECK(golden::same_bits(again(inputs)["logits"], model(inputs)["logits"]));
    for (const Parameter& p : again->parameters()) CHECK(p.name != "lm_head.weight");
  }
}

TEST_CASE("a head that the checkpoint lacks is what from_config would make of it") {
  const PretrainedModel loaded = AutoModelForSequenceClassification::from_pretrained(kBert);
  const PretrainedModel fresh = AutoModelForSequenceClassification::from_config(loaded->config());
  CHECK(!loaded->loading_report().missing_keys.empty());
  for (const std::string& name : loaded->loading_report().missing_keys) {
    CAPTURE(name);
    CHECK(golden::same_bits(parameter(loaded, name), parameter(fresh, name)));
  }
}

TEST_CASE("a config of absurd size or another task is an Error before memory is taken") {
  const auto error = [](const std::string& config) {
    return golden::error_of([&] { AutoModelForCausalLM::from_config(config_of(config)); });
  };
  const auto [code, message] = error(
      R"({"model_type": "llama", "vocab_size": 2147483648, "hidden_size": 1048576,
          "num_attention_heads": 4096, "num_hidden_layers": 1})");
  CHECK(code == ErrorCode::invalid_argument);
  CHECK(message.find("model.embed_tokens.weight") != std::string::npos);
  CHECK(error(R"({"model_type": "nobody"})").first == ErrorCode::unsupported);
  CHECK(error(R"({"model_type": "mpnet"})").first == ErrorCode::invalid_argument);
  CHECK(golden::error_of([] {
          AutoModel::from_config(config_of(std::string(kLlama) + "}"), {.dtype = "int3"});
        }).first == ErrorCode::invalid_argument);
}
