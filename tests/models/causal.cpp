// SPDX-License-Identifier: Apache-2.0
// Encoder families and BART's decoder as language models, and what generate() takes beside ids,
// beyond the recorded outputs.
#include <doctest/doctest.h>

#include "../../engine/base/format.h"
#include "../../models/generate/generate.h"
#include "golden.h"

using namespace tern;
using hub::Json;

namespace {

PretrainedModel load(const std::string& name, LoadOptions options = {},
                     const std::string& task = "AutoModelForCausalLM") {
  return load_model(task, hub::Repo::open(cat(TERN_TEST_DATA, "/causal/", name)), options);
}

Tensor ids(std::vector<int64_t> values, int64_t rows) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::from<int64_t>(values, {rows, count / rows});
}

NamedTensors generated(const PretrainedModel& model, const NamedTensors& inputs,
                       const std::string& arguments, const GenerateHooks& hooks = {}) {
  Context ctx;
  const GenerationConfig config;
  return generate(ctx, *model, inputs, config.with(Json::parse(arguments, "arguments")), hooks);
}

std::string refusal(const PretrainedModel& model, const NamedTensors& inputs,
                    const GenerateHooks& hooks = {}) {
  return golden::error_of([&] { generated(model, inputs, "{}", hooks); }).second;
}

const NamedTensors kBoth = {{"input_ids", ids({0, 0, 5, 9, 31, 7, 17, 4, 40, 33}, 2)},
                            {"attention_mask", ids({0, 1, 0, 1, 1, 1, 1, 1, 1, 1}, 2)}};

NamedTensors with_columns() {
  NamedTensors out = kBoth;
  out.set("token_type_ids", ids({2, 1, 0, 1, 2, 0, 0, 1, 1, 0}, 2));
  out.set("position_ids", ids({9, 3, 8, 4, 2, 0, 1, 2, 7, 5}, 2));
  return out;
}

}  // namespace

TEST_CASE("encoders as decoders have a class for AutoModelForCausalLM") {
  CHECK(load("bert")->class_name() == "BertLMHeadModel");
  CHECK(load("roberta")->class_name() == "RobertaForCausalLM");
  CHECK(load("xlm-roberta")->class_name() == "XLMRobertaForCausalLM");
  CHECK(load("camembert")->class_name() == "CamembertForCausalLM");
  CHECK(load("bart")->class_name() == "BartForCausalLM");
}

TEST_CASE("steps have the same bits with a cache and without, alone and not, with columns too") {
  const std::string with = R"({"max_new_tokens": 6, "output_logits": true)";
  for (const char* name : {"bert", "roberta", "bart", "gpt2"}) {
    for (const char* dtype : {"float32", "bfloat16"}) {
      CAPTURE(name);
      CAPTURE(dtype);
      const PretrainedModel model = load(name, {.dtype = dtype});
      for (const NamedTensors& inputs : {kBoth, with_columns()}) {
        if (name == std::string("bart") && inputs.contains("token_type_ids")) continue;
        const Tensor cached = generated(model, inputs, with + "}")["step_logits"];
        const Tensor whole =
            generated(model, inputs, with + R"(, "use_cache": false})")["step_logits"];
        CHECK(golden::same_bits(cached, whole));
        NamedTensors second;
        for (const auto& [input, tensor] : inputs.entries())
          second.set(input, tensor.slice(0, 1, 2).clone());
        const Tensor alone = generated(model, second, with + "}")["step_logits"];
        CHECK(golden::same_bits(alone, cached.slice(0, 1, 2).clone()));
      }
    }
  }
}

TEST_CASE("guesses and several sequences of a prompt go by the columns of that prompt") {
  const PretrainedModel model = load("gpt2");
  const NamedTensors inputs = with_columns();
  const std::string with = R"({"max_new_tokens": 12, "output_logits": true)";
  const Tensor plain = generated(model, inputs, with + "}")["step_logits"];
  int64_t guesses = 0;
  const GenerateHooks hooks = {.on_guesses = [&](int64_t guessed, int64_t) { guesses += guessed; }};
  const Tensor looked_up =
      generated(model, inputs, with + R"(, "prompt_lookup_num_tokens": 3})", hooks)["step_logits"];
  CHECK(guesses > 0);
  CHECK(golden::same_bits(plain, looked_up));
  const Tensor drawn = generated(model, inputs, with + R"(, "do_sample": true, "top_k": 1,
                                 "num_return_sequences": 2})")["step_logits"];
  for (int64_t row = 0; row < 4; ++row)
    CHECK(golden::same_bits(drawn[row].clone(), plain[row / 2].clone()));
  // A call that is ended by its caller at the last of the 24 positions: no guess goes beyond.
  int64_t left = 11;
  const GenerateHooks ending = {.on_token = [&](int64_t, int64_t) { return --left > 0; }};
  const NamedTensors late = {{"input_ids", ids({5, 9, 5, 9, 5, 9}, 1)},
                             {"position_ids", ids({8, 9, 10, 11, 12, 13}, 1)}};
  const char* far = R"({"max_new_tokens": 30, "prompt_lookup_num_tokens": 8})";
  CHECK(generated(model, late, far, ending)["sequences"].dim(1) == 17);
}

TEST_CASE("an encoder that is no decoder is refused by generate, which says why") {
  const PretrainedModel encoder = load("bert-masked");
  CHECK(refusal(encoder, {{"input_ids", ids({1}, 1)}}) ==
        "generate: config.json does not say is_decoder, so each token of BertLMHeadModel sees "
        "those after it too: load it with is_decoder true");
  LoadOptions decoder = {.config_overrides = Json::parse(R"({"is_decoder": true})", "overrides")};
  CHECK(generated(load("bert-masked", decoder), {{"input_ids", ids({1}, 1)}},
                  R"({"max_new_tokens": 2})")["sequences"]
            .dim(1) == 3);
  CHECK(refusal(load("bert-masked", decoder, "AutoModelForMaskedLM"), {}) ==
        "generate: BertForMaskedLM is no causal language model");
  decoder.config_overrides =
      Json::parse(R"({"is_decoder": true, "add_cross_attention": true})", "overrides");
  CHECK(golden::error_of([&] { load("bert-masked", decoder); }).second ==
        "config.json: add_cross_attention is not supported");
}

TEST_CASE("columns that generate cannot follow are refused by name") {
  const PretrainedModel bert = load("bert"), bart = load("bart");
  PastKeyValues past;
  const GenerateHooks hooks = {.past_key_values = &past};
  const std::string by_ids = "generate: past_key_values go by ids alone";
  CHECK(refusal(bert, with_columns(), hooks).starts_with(by_ids));
  CHECK(refusal(bart, kBoth, hooks).starts_with(by_ids));
  CHECK(refusal(bert, kBoth, hooks) == "nothing was thrown");
  NamedTensors inputs = kBoth;
  inputs.set("token_type_ids", kBoth["attention_mask"]);
  CHECK(refusal(bart, inputs).starts_with("unknown input 'token_type_ids'"));
  for (const int64_t place : {int64_t{-1}, INT64_MAX}) {
    const NamedTensors odd = {{"input_ids", ids({5}, 1)}, {"position_ids", ids({place}, 1)}};
    CHECK(refusal(bert, odd) == cat("generate: position_ids has ", place, ", outside [0, 2^31)"));
  }
  const NamedTensors far = {{"input_ids", ids({5}, 1)}, {"position_ids", ids({24}, 1)}};
  CHECK(refusal(bert, far) ==
        "position_ids: token 0 has 24, outside [0, 24) (max_position_embeddings): shorten the "
        "sequence");
}

TEST_CASE("guidance has the same bits with a cache and without, alone and not, for each sequence") {
  const PretrainedModel model = load("gpt2");
  NamedTensors inputs = kBoth;
  inputs.set("negative_prompt_ids", ids({1, 2, 3, 4, 5, 6}, 2));
  inputs.set("negative_prompt_attention_mask", ids({0, 1, 1, 1, 1, 1}, 2));
  const std::string with = R"({"max_new_tokens": 6, "output_logits": true, "guidance_scale": 9)";
  const Tensor cached = generated(model, inputs, with + "}")["step_logits"];
  CHECK(golden::same_bits(
      cached, generated(model, inputs, with + R"(, "use_cache": false})")["step_logits"]));
  NamedTensors second;
  for (const auto& [input, tensor] : inputs.entries())
    second.set(input, tensor.slice(0, 1, 2).clone());
  CHECK(golden::same_bits(generated(model, second, with + "}")["step_logits"],
                          cached.slice(0, 1, 2).clone()));
  const Tensor drawn = generated(model, inputs, with + R"(, "do_sample": true, "top_k": 1,
                                 "num_return_sequences": 2})")["step_logits"];
  for (int64_t row = 0; row < 4; ++row)
    CHECK(golden::same_bits(drawn[row].clone(), cached[row / 2].clone()));
  // Rows that end go on being none: the callback ends the first row, the second is as before.
  const GenerateHooks first_ends = {.on_token = [](int64_t row, int64_t) { return row == 1; }};
  const Tensor left = generated(model, inputs, with + "}", first_ends)["step_logits"];
  CHECK(golden::same_bits(left[1].clone(), cached[1].clone()));
}

TEST_CASE("guidance that generate does not have is refused by name") {
  const PretrainedModel model = load("gpt2");
  const auto refused = [&](const NamedTensors& inputs, const std::string& more) {
    return golden::error_of(
               [&] { generated(model, inputs, R"({"guidance_scale": 2)" + more + "}"); })
        .second;
  };
  CHECK(refused(kBoth, R"(, "num_beams": 2)") == "generate: guidance_scale and beam search");
  CHECK(refused(kBoth, R"(, "prompt_lookup_num_tokens": 2)") ==
        "generate: guidance_scale and guesses (assistant_model, prompt_lookup_num_tokens)");
  NamedTensors inputs = kBoth;
  inputs.set("negative_prompt_attention_mask", ids({1, 1}, 2));
  CHECK(refused(inputs, "").starts_with("generate: of negative_prompt_ids and their mask: give"));
  inputs.set("negative_prompt_ids", ids({1, 2, 3}, 3));
  inputs.set("negative_prompt_attention_mask", ids({1, 1, 1}, 3));
  CHECK(refused(inputs, "") == "generate: negative_prompt_ids have 3 rows, but input_ids 2");
  CHECK(refusal(model, inputs).starts_with("unknown input 'negative_prompt_"));
}
