// SPDX-License-Identifier: Apache-2.0
// Decoder language models beyond the golden outputs: rotary descriptions, batches, hostile configs.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "../../engine/base/format.h"
#include "../../models/blocks/rope_parameters.h"
#include "golden.h"

using namespace tern;

namespace {

Config config(const std::string& fields) {
  return Config(hub::Json::parse("{" + fields + "}", "config.json"), "config.json");
}

RopeParameters parameters(const std::string& fields,
                          const RopeParameters::Defaults& defaults = {.head_dim = 8}) {
  return RopeParameters(config(fields), defaults);
}

/// Angles of pair i at position p, from cos and sin.
double angle(const Rope& rope, int64_t p, int64_t pair) {
  Context ctx;
  const std::vector<int64_t> positions = {p};
  const RopeAngles a = rope.angles(ctx, positions);
  return std::atan2(static_cast<double>(a.sin.data<float>()[pair]),
                    static_cast<double>(a.cos.data<float>()[pair]));
}

double frequency(const RopeParameters& r, int64_t length, int64_t pair) {
  return angle(r.rope(length, DType::f32), 1, pair);
}

bool close(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b));
}

}  // namespace

TEST_CASE("rotary frequencies follow their description in both spellings") {
  const RopeParameters plain = parameters("");
  CHECK(plain.pairs() == 4);
  CHECK(close(frequency(plain, 1, 0), 1));
  CHECK(close(frequency(plain, 1, 3), std::pow(10000, -6.0 / 8)));
  for (const char* spelling :
       {R"("rope_theta": 500, "rope_scaling": {"type": "linear", "factor": 4})",
        R"("rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 500})"}) {
    CHECK(close(frequency(parameters(spelling), 1, 2), std::pow(500, -4.0 / 8) / 4));
  }
  CHECK(parameters(R"("partial_rotary_factor": 0.5)").pairs() == 2);
  CHECK(parameters(R"("rope_parameters": {"partial_rotary_factor": 0.25, "rope_theta": 10000})")
            .pairs() == 1);
  CHECK(parameters(R"("rotary_pct": 0.75, "rotary_emb_base": 100)",
                   {.head_dim = 8, .theta_name = "rotary_emb_base", .factor_name = "rotary_pct"})
            .pairs() == 3);
}

TEST_CASE("dynamic NTK and longrope depend on the longest sequence, and go back") {
  const RopeParameters dynamic = parameters(
      R"("max_position_embeddings": 16, "rope_scaling": {"rope_type": "dynamic", "factor": 2})");
  CHECK(dynamic.depends_on_length());
  CHECK(close(frequency(dynamic, 16, 3), std::pow(10000, -6.0 / 8)));
  const double base = 10000 * std::pow(2 * 40.0 / 16 - 1, 8.0 / 6);
  CHECK(close(frequency(dynamic, 40, 3), std::pow(base, -6.0 / 8)));
  CHECK(close(frequency(dynamic, 7, 3), std::pow(10000, -6.0 / 8)));
  const RopeParameters longrope = parameters(
      R"("max_position_embeddings": 64, "original_max_position_embeddings": 16, "rope_scaling": {"type": "longrope",
      "short_factor": [1, 1, 1, 1], "long_factor": [2, 3, 4, 5]})");
  CHECK(close(frequency(longrope, 16, 1), 0.1));
  CHECK(close(frequency(longrope, 17, 1), 0.1 / 3));
  Context ctx;
  const std::vector<int64_t> zero = {0};
  const double expected = std::sqrt(1 + std::log(4.0) / std::log(16.0));
  CHECK(
      close(static_cast<double>(*longrope.rope(1, DType::f32).angles(ctx, zero).cos.data<float>()),
            expected));
}

TEST_CASE("proportional rotation keeps the far dimensions still") {
  const RopeParameters r = parameters(
      R"("rope_parameters": {"rope_type": "proportional", "partial_rotary_factor": 0.5, "rope_theta": 100})");
  CHECK(r.pairs() == 4);
  CHECK(close(frequency(r, 1, 1), std::pow(100, -2.0 / 8)));
  CHECK(frequency(r, 1, 2) == 0);
}

TEST_CASE("a rotary description that makes no sense is an Error that names it") {
  struct Row {
    const char* fields;
    ErrorCode code;
    const char* message;
  };
  const Row rows[] = {
      {R"("rope_scaling": {"type": "spiral"})", ErrorCode::unsupported, "rope_type 'spiral'"},
      {R"("rope_scaling": {"type": "linear"})", ErrorCode::invalid_argument, "'factor' is missing"},
      {R"("rope_scaling": {"type": "linear", "factor": 0})", ErrorCode::invalid_argument,
       "'factor' must be"},
      {R"("rope_scaling": {"type": "linear", "factor": NaN})", ErrorCode::invalid_argument,
       "'factor' must be"},
      {R"("rope_scaling": 3)", ErrorCode::corrupt, "expected a JSON object"},
      {R"("rope_theta": -1)", ErrorCode::invalid_argument, "'rope_theta' must be"},
      {R"("partial_rotary_factor": 0)", ErrorCode::invalid_argument, "0 rotary dimensions"},
      {R"("rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]})",
       ErrorCode::invalid_argument, "'long_factor' has 1 values, expected one for each of 4 pairs"},
      {R"("rope_scaling": {"type": "longrope", "short_factor": [1, 1, 0, 1], "long_factor": [1, 1, 1, 1]})",
       ErrorCode::invalid_argument, "'short_factor' has 0, expected a positive number"},
      {R"("rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4})",
       ErrorCode::invalid_argument, "must be greater than low_freq_factor"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const auto found = golden::error_of([&] { parameters(row.fields); });
    CHECK(found.first == row.code);
    CHECK_MESSAGE(found.second.find(row.message) != std::string::npos, found.second);
  }
}

TEST_CASE(
    "a decoder's logits of a sequence have the same bits alone and beside others, padded or not") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const char* name : {"llama", "mistral", "mixtral", "gemma2", "gemma3", "gpt2", "gpt_neox"}) {
    CAPTURE(name);
    const hub::Repo repo = hub::Repo::open(golden::root() + "/" + name);
    const PretrainedModel model = load_model("AutoModelForCausalLM", repo, {.dtype = "float32"});
    golden::Rng rng{5};
    const int64_t length = 23, shorter = 9;
    std::vector<int64_t> ids, mask(2 * length, 1);
    for (int64_t i = 0; i < 2 * length; ++i) ids.push_back(3 + rng.below(200));
    for (int64_t i = length + shorter; i < 2 * length; ++i) mask[static_cast<size_t>(i)] = 0;
    const Tensor both =
        model({{"input_ids", Tensor::from<int64_t>(ids, {2, length})},
               {"attention_mask", Tensor::from<int64_t>(mask, {2, length})}})["logits"];
    const int64_t vocab = both.dim(2);
    for (const auto& [row, count] : {std::pair<int64_t, int64_t>{0, length}, {1, shorter}}) {
      const std::span<const int64_t> own =
          std::span(ids).subspan(static_cast<size_t>(row * length), static_cast<size_t>(count));
      const Tensor alone = model({{"input_ids", Tensor::from(own, {1, count})}})["logits"];
      CHECK(std::memcmp(alone.raw(), both.data<float>() + row * length * vocab,
                        static_cast<size_t>(count * vocab) * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("embeddings given in place of ids give the same logits, Gemma's being scaled already") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const char* name : {"llama", "gemma", "gemma3", "gpt_neox"}) {
    CAPTURE(name);
    const hub::Repo repo = hub::Repo::open(golden::root() + "/" + name);
    const PretrainedModel model = load_model("AutoModelForCausalLM", repo, {.dtype = "float32"});
    const std::vector<int64_t> ids = {5, 9, 31, 7};
    const NamedTensors from_ids =
        model({{"input_ids", Tensor::from<int64_t>(ids, {1, 4})}},
              {.arguments = hub::Json::parse(R"({"output_hidden_states": true})", "")});
    const NamedTensors found = model({{"inputs_embeds", from_ids["hidden_states.0"]}});
    CHECK(golden::same_bits(found["logits"], from_ids["logits"]));
  }
}

TEST_CASE("a batch without pad_token_id cannot be classified, one sequence can") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const hub::Repo repo = hub::Repo::open(golden::root() + "/llama-for-sequence-classification");
  LoadOptions options;
  options.config_overrides = hub::Json::parse(R"({"pad_token_id": null})", "overrides");
  const PretrainedModel model = load_model("AutoModelForSequenceClassification", repo, options);
  const std::vector<int64_t> ids = {5, 6, 7, 8};
  CHECK(model({{"input_ids", Tensor::from<int64_t>(ids, {1, 4})}})["logits"].dim(0) == 1);
  const auto [code, message] = golden::error_of([&] {
    model({{"input_ids", Tensor::from<int64_t>(ids, {2, 2})}});
  });
  CHECK(code == ErrorCode::invalid_argument);
  CHECK(message.find("pad_token_id") != std::string::npos);
}

TEST_CASE("Gemma 3 does not cap attention, as Transformers' does not, whatever its config says") {
  if (golden::root().empty()) return;
  for (const std::string name : {"gemma2", "gemma3"}) {
    CAPTURE(name);
    const auto logits = [&](const char* cap) {
      LoadOptions options;
      options.dtype = "float32";
      options.config_overrides =
          hub::Json::parse(cat(R"({"attn_logit_softcapping": )", cap, "}"), "overrides");
      const PretrainedModel model =
          load_model("AutoModelForCausalLM", hub::Repo::open(golden::root() + "/" + name), options);
      const Tensor ids = Tensor::from<int64_t>(std::vector<int64_t>{5, 9, 7, 11}, {1, 4});
      const Tensor out = model({{"input_ids", ids}})["logits"];
      return std::vector<float>(out.data<float>(), out.data<float>() + out.numel());
    };
    CHECK((logits("null") != logits("0.01")) == (name == "gemma2"));
  }
}
