// SPDX-License-Identifier: Apache-2.0
// generate() against every recorded case of the decoder folders, and what it promises beside them.
#include "../../models/generate/generate.h"

#include <doctest/doctest.h>

#include <cstring>

#include "../../engine/base/format.h"
#include "golden.h"

using namespace tern;

namespace {

const char* const kFolders[] = {
    "llama", "llama-rope-llama3", "mistral", "mixtral",       "gemma", "gemma2",  "gemma3", "qwen2",
    "qwen3", "qwen3-yarn",        "phi3",    "phi3-longrope", "gpt2",  "gpt_neox"};

const char* const kEncoderDecoders[] = {"t5", "t5-v1_1", "bart"};

struct Loaded {
  PretrainedModel model;
  GenerationConfig config;

  explicit Loaded(const std::string& name, const std::string& dtype = "float32")
      : Loaded(hub::Repo::open(golden::root() + "/" + name), dtype, "AutoModelForCausalLM") {}
  Loaded(const hub::Repo& repo, const std::string& dtype, const std::string& task)
      : model(load_model(task, repo, {.dtype = dtype})),
        config(GenerationConfig::from_repo(repo, model->config())) {}

  NamedTensors operator()(const NamedTensors& inputs, const std::string& arguments) const {
    Context ctx;
    return generate(ctx, *model, inputs, config.with(hub::Json::parse(arguments, "arguments")));
  }
  std::pair<ErrorCode, std::string> error(const NamedTensors& inputs,
                                          const std::string& arguments) const {
    return golden::error_of([&] { (*this)(inputs, arguments); });
  }
};

Tensor ids(std::vector<int64_t> values, int64_t rows) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::from<int64_t>(values, {rows, count / rows});
}

bool same_ids(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.numel()) * sizeof(int64_t)) == 0;
}

std::string text(const Tensor& t) {
  std::string out = t.shape().to_string() + ":";
  for (int64_t i = 0; i < t.numel(); ++i) out += cat(" ", t.data<int64_t>()[i]);
  return out;
}

void check_folder(const std::string& folder, const std::string& task, int& cases) {
  const Loaded model(hub::Repo::open(folder), "float32", task);
  for (const golden::Case& c : golden::cases(folder)) {
    if (c.call != "generate") continue;
    ++cases;
    CAPTURE(folder);
    CAPTURE(c.name);
    const NamedTensors found = model(c.inputs, c.kwargs.dump());
    for (const NamedTensors::Entry& entry : c.outputs.entries()) {
      const std::string& output = entry.first;
      const Tensor& expected = entry.second;
      CAPTURE(output);
      if (output == "step_logits") {
        CHECK(golden::error(found["step_logits"], expected) <= 3e-5);
      } else if (output == "sequences_scores") {
        CHECK(golden::error(found["sequences_scores"], expected) <= 1e-5);
      } else {
        CHECK_MESSAGE(same_ids(found["sequences"], expected),
                      text(found["sequences"]) << " instead of " << text(expected));
      }
    }
  }
}

}  // namespace

TEST_CASE("every recorded generation of every decoder folder is Transformers'") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  int cases = 0;
  for (const char* name : kFolders) {
    check_folder(golden::root() + "/" + name, "AutoModelForCausalLM", cases);
  }
  MESSAGE(cases << " cases");
  CHECK(cases >= 60);
}

TEST_CASE("every recorded generation of every encoder-decoder folder is Transformers'") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  int cases = 0;
  for (const char* name : kEncoderDecoders) {
    check_folder(golden::root() + "/" + name, "AutoModelForSeq2SeqLM", cases);
  }
  CHECK(cases >= 21);
}

TEST_CASE("what an encoder-decoder's decoder begins with, and odd masks, are as in Transformers") {
  int cases = 0;
  for (const char* name : {"t5", "bart"}) {
    check_folder(std::string(TERN_TEST_DATA) + "/seq2seq/" + name, "AutoModelForSeq2SeqLM", cases);
  }
  CHECK(cases == 22);
}

TEST_CASE(
    "what encoders as decoders and BART's generate, and columns beside ids, is Transformers'") {
  int cases = 0;
  for (const char* name : {"bert", "roberta", "xlm-roberta", "camembert", "bart", "gpt2"}) {
    check_folder(std::string(TERN_TEST_DATA) + "/causal/" + name, "AutoModelForCausalLM", cases);
  }
  CHECK(cases == 32);
}

TEST_CASE(
    "with a cache and without, alone and in a batch, the logits of each step have the same bits") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const char* name : {"llama", "mistral", "mixtral", "gemma2", "gemma3", "gpt2", "gpt_neox"}) {
    for (const char* dtype : {"float32", "bfloat16"}) {
      CAPTURE(name);
      CAPTURE(dtype);
      const Loaded model(name, dtype);
      const NamedTensors both = {{"input_ids", ids({0, 0, 5, 9, 31, 7, 17, 4, 100, 53}, 2)},
                                 {"attention_mask", ids({0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, 2)}};
      const char* with = R"({"max_new_tokens": 12, "eos_token_id": [], "output_logits": true})";
      const char* without =
          R"({"max_new_tokens": 12, "eos_token_id": [], "output_logits": true, "use_cache": false})";
      const Tensor cached = model(both, with)["step_logits"];
      const Tensor whole = model(both, without)["step_logits"];
      CHECK(golden::same_bits(cached, whole));
      const Tensor alone = model({{"input_ids", ids({7, 17, 4, 100, 53}, 1)}}, with)["step_logits"];
      CHECK(golden::same_bits(alone, cached.slice(0, 1, 2).clone()));
      const Tensor unpadded = model({{"input_ids", ids({5, 9, 31}, 1)}}, with)["step_logits"];
      CHECK(golden::same_bits(unpadded, cached.slice(0, 0, 1).clone()));
    }
  }
}

TEST_CASE("beams give the logits of all beams at each step, those of the first step alike") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const Loaded model("llama");
  const NamedTensors prompts = {{"input_ids", ids({7, 17, 4, 100, 9, 8}, 2)}};
  const NamedTensors found =
      model(prompts, R"({"max_new_tokens": 5, "num_beams": 3, "eos_token_id": [],
                                               "output_logits": true})");
  const Tensor steps = found["step_logits"];
  REQUIRE(steps.shape() == Shape({6, 5, 320}));
  const Tensor greedy =
      model(prompts, R"({"max_new_tokens": 1, "output_logits": true})")["step_logits"];
  for (int64_t row = 0; row < 6; ++row) {
    CHECK(golden::same_bits(steps[row].slice(0, 0, 1).clone(), greedy[row / 3].clone()));
  }
  const Tensor drawn =
      model(prompts, R"({"max_new_tokens": 5, "num_beams": 3, "do_sample": true, "seed": 3,
                                          "num_return_sequences": 3})")["sequences"];
  CHECK(drawn.dim(0) == 6);
}

TEST_CASE("when every token is forbidden sampling says so") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  std::string all;
  for (int i = 0; i < 320; ++i) all += cat(i == 0 ? "" : ",", i);
  const auto found =
      Loaded("llama").error({{"input_ids", ids({7, 17}, 1)}},
                            cat(R"({"do_sample": true, "suppress_tokens": [)", all, "]}"));
  CHECK(found.first == ErrorCode::invalid_argument);
  CHECK(found.second.find("every token is forbidden") != std::string::npos);
}

TEST_CASE(
    "sampling repeats itself with a seed, differs with another, and one candidate is greedy") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const Loaded model("llama");
  const NamedTensors prompt = {{"input_ids", ids({7, 17, 4, 100}, 1)}};
  const auto sampled = [&](const std::string& more) {
    return model(prompt, R"({"max_new_tokens": 20, "do_sample": true, "eos_token_id": [])" + more +
                             "}")["sequences"];
  };
  const std::string warm = R"(, "temperature": 3.0, "top_k": 0)";
  CHECK(same_ids(sampled(cat(warm, R"(, "seed": 5)")), sampled(cat(warm, R"(, "seed": 5)"))));
  CHECK_FALSE(same_ids(sampled(cat(warm, R"(, "seed": 5)")), sampled(cat(warm, R"(, "seed": 6)"))));
  const Tensor greedy = model(prompt, R"({"max_new_tokens": 20, "eos_token_id": []})")["sequences"];
  CHECK(same_ids(sampled(R"(, "top_k": 1)"), greedy));
  CHECK(same_ids(sampled(R"(, "top_k": 0, "top_p": 0.0)"), greedy));
  CHECK(same_ids(sampled(R"(, "top_k": 0, "min_p": 1.0)"), greedy));
  CHECK(sampled(cat(warm, R"(, "num_return_sequences": 3)")).dim(0) == 3);
}

TEST_CASE("arguments, prompts and models that make no sense are refused by name") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const Loaded model("llama");
  const NamedTensors prompt = {{"input_ids", ids({7, 17, 4, 100}, 2)}};
  struct Row {
    const char* arguments;
    const char* message;
  };
  const Row rows[] = {
      {R"({"max_new_token": 4})", "argument 'max_new_token' is not known"},
      {R"({"max_new_tokens": 0})", "'max_new_tokens' must be an integer"},
      {R"({"max_length": 2})", "nothing can be generated"},
      {R"({"num_return_sequences": 2})", "greedy search gives one sequence"},
      {R"({"num_beams": 2, "num_return_sequences": 3})", "is greater than num_beams"},
      {R"({"temperature": 0})", "'temperature' must be a number"},
      {R"({"top_p": 1.5})", "'top_p' must be a number"},
      {R"({"eos_token_id": "2"})", "'eos_token_id' must be a token id"},
      {R"({"eos_token_id": [-1]})", "'eos_token_id' must be a token id"},
      {R"({"bad_words_ids": [[]]})", "'bad_words_ids' must be a token id"},
      {R"({"early_stopping": "soon"})", "'early_stopping' must be"},
      {R"({"max_new_tokens": 2000000000, "num_beams": 1024})", "needs"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.arguments);
    const auto found = model.error(prompt, row.arguments);
    CHECK_MESSAGE(found.second.find(row.message) != std::string::npos, found.second);
  }
  const auto masked = model.error(
      {{"input_ids", ids({7, 8, 9, 10}, 2)}, {"attention_mask", ids({1, 1, 0, 0}, 2)}}, "{}");
  CHECK(masked.second == "generate: row 1 of attention_mask is all 0: no prompt");
  CHECK(model.error({{"input_ids", ids({7, 99999}, 1)}}, "{}").first ==
        ErrorCode::invalid_argument);
  const hub::Repo encoder = hub::Repo::open(golden::root() + "/bert");
  const PretrainedModel bert = load_model("AutoModel", encoder);
  Context ctx;
  CHECK(golden::error_of([&] { generate(ctx, *bert, prompt, {}); }).second ==
        "generate: BertModel is no causal language model");
}
