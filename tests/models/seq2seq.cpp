// SPDX-License-Identifier: Apache-2.0
// Encoder–decoders beyond the recorded outputs: batches, caches, names of embeddings, what is
// refused.
#include <doctest/doctest.h>

#include <limits>

#include "../../engine/base/format.h"
#include "../../models/blocks/relative_bias.h"
#include "../../models/generate/generate.h"
#include "allocations.h"
#include "golden.h"

using namespace tern;
using hub::Json;

namespace {

const char* const kModels[] = {"t5", "bart"};

std::string folder(const std::string& name) {
  return std::string(TERN_TEST_DATA) + "/seq2seq/" + name;
}

PretrainedModel load(const std::string& name, const std::string& dtype = "float32",
                     const std::string& task = "AutoModelForSeq2SeqLM") {
  return load_model(task, hub::Repo::open(folder(name)), {.dtype = dtype});
}

Tensor ids(std::vector<int64_t> values, int64_t rows) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::from<int64_t>(values, {rows, count / rows});
}

NamedTensors generated(const PretrainedModel& model, const NamedTensors& inputs,
                       const std::string& arguments) {
  Context ctx;
  GenerationConfig config;
  config.decoder_start_token_id = {0};
  return generate(ctx, *model, inputs, config.with(Json::parse(arguments, "arguments")));
}

const NamedTensors kCall = {{"input_ids", ids({9, 17, 31, 5, 40, 22}, 1)},
                            {"decoder_input_ids", ids({0, 11, 12}, 1)}};

/// The files of a recorded model; tests change them.
struct Files {
  std::string config, weights;

  explicit Files(const std::string& name)
      : config(golden::read(folder(name) + "/config.json")),
        weights(golden::read(folder(name) + "/model.safetensors")) {}

  hub::Repo repo() const {
    return hub::Repo::from_memory({{"config.json", golden::storage_of(config)},
                                   {"model.safetensors", golden::storage_of(weights)}});
  }
  /// The code of the Error, or nothing when the model loads and runs; of several members of one
  /// name the last counts.
  std::optional<ErrorCode> outcome(const std::string& members) const {
    Files changed = *this;
    changed.config.insert(changed.config.rfind('}'), ", " + members);
    try {
      load_model("AutoModelForSeq2SeqLM", changed.repo())(kCall);
    } catch (const Error& e) {
      return e.code();
    }
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("an encoder-decoder's steps have the same bits with a cache and without, alone and not") {
  for (const char* name : kModels) {
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
      CAPTURE(name);
      CAPTURE(dtype);
      const PretrainedModel model = load(name, dtype);
      const NamedTensors both = {{"input_ids", ids({5, 9, 31, 0, 0, 7, 17, 4, 40, 33}, 2)},
                                 {"attention_mask", ids({1, 1, 1, 0, 0, 1, 1, 1, 1, 1}, 2)}};
      const std::string with = R"({"max_new_tokens": 9, "output_logits": true)";
      const Tensor cached = generated(model, both, with + "}")["step_logits"];
      const Tensor whole = generated(model, both, with + R"(, "use_cache": false})")["step_logits"];
      CHECK(golden::same_bits(cached, whole));
      const Tensor first =
          generated(model, {{"input_ids", ids({5, 9, 31}, 1)}}, with + "}")["step_logits"];
      CHECK(golden::same_bits(first, cached.slice(0, 0, 1).clone()));
      const Tensor second =
          generated(model, {{"input_ids", ids({7, 17, 4, 40, 33}, 1)}}, with + "}")["step_logits"];
      CHECK(golden::same_bits(second, cached.slice(0, 1, 2).clone()));
    }
  }
}

TEST_CASE("an encoder-decoder's outputs have the same bits alone and in a padded batch") {
  for (const char* name : kModels) {
    CAPTURE(name);
    const PretrainedModel model = load(name);
    const NamedTensors alone = model(kCall);
    const NamedTensors both =
        model({{"input_ids", ids({9, 17, 31, 5, 40, 22, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 2)},
               {"attention_mask", ids({1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, 2)},
               {"decoder_input_ids", ids({0, 11, 12, 30, 0, 9, 8, 7}, 2)}});
    CHECK(golden::same_bits(alone["logits"][0].clone(), both["logits"][0].slice(0, 0, 3).clone()));
  }
}

TEST_CASE("beams and sampled sequences read the source of their own prompt") {
  for (const char* name : kModels) {
    CAPTURE(name);
    const PretrainedModel model = load(name);
    const NamedTensors both = {{"input_ids", ids({5, 9, 31, 7, 17, 4}, 2)}};
    const NamedTensors second = {{"input_ids", ids({7, 17, 4}, 1)}};
    const char* beams = R"({"max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 3})";
    const NamedTensors of_both = generated(model, both, beams);
    const NamedTensors of_second = generated(model, second, beams);
    CHECK(golden::same_bits(of_both["sequences"].slice(0, 3, 6).clone(), of_second["sequences"]));
    CHECK(golden::same_bits(of_both["sequences_scores"].slice(0, 3, 6).clone(),
                            of_second["sequences_scores"]));
    const char* greedy = R"({"max_new_tokens": 6, "do_sample": true, "top_k": 1,
                             "num_return_sequences": 2})";
    const Tensor drawn = generated(model, both, greedy)["sequences"];
    const Tensor alone = generated(model, second, greedy)["sequences"];
    CHECK(golden::same_bits(drawn.slice(0, 2, 4).clone(), alone));
    CHECK(golden::same_bits(drawn[2].clone(), drawn[3].clone()));
  }
}

TEST_CASE("a step of greedy search with an encoder-decoder allocates nothing once warm") {
  if (!golden::allocations_are_counted()) {
    MESSAGE("skipped: allocations cannot be counted in this build");
    return;
  }
  for (const char* name : kModels) {
    CAPTURE(name);
    const PretrainedModel model = load(name);
    GenerationConfig config;
    config.decoder_start_token_id = {0};
    config.max_new_tokens = 22;
    std::vector<uint64_t> counts;
    counts.reserve(64);
    GenerateHooks hooks;
    hooks.on_token = [&](int64_t, int64_t) {
      counts.push_back(golden::allocations());
      return true;
    };
    ThreadPool pool(2, true);
    Context ctx({.pool = &pool});
    const NamedTensors source = {{"input_ids", ids({9, 17, 31, 5, 40, 22}, 2)}};
    generate(ctx, *model, source, config, hooks);
    REQUIRE(counts.size() == 44);
    CHECK(counts.back() - counts[20] == 0);
  }
}

TEST_CASE("distances fall into T5's buckets") {
  const int64_t distances[] = {-400, -128, -127, -64, -63, -33, -32, -20, -16, -15, -12,
                               -8,   -7,   -1,   0,   1,   7,   8,   12,  64,  127, 128};
  const int64_t both[] = {15, 15, 15, 14, 13, 12, 12, 10, 10, 9,  9,
                          8,  7,  1,  0,  17, 23, 24, 25, 30, 31, 31};
  const int64_t behind[] = {31, 31, 31, 26, 26, 21, 21, 17, 16, 15, 12,
                            8,  7,  1,  0,  0,  0,  0,  0,  0,  0,  0};
  for (size_t i = 0; i < std::size(distances); ++i) {
    CAPTURE(distances[i]);
    CHECK(DistanceBuckets{}.of(distances[i]) == both[i]);
    CHECK(DistanceBuckets{.both_directions = false}.of(distances[i]) == behind[i]);
  }
}

TEST_CASE("T5 has no longest sequence: beyond the distances kept ready they are made per call") {
  const PretrainedModel model = load("t5");
  golden::Rng rng{3};
  std::vector<int64_t> target;
  for (int i = 0; i < 700; ++i) target.push_back(rng.below(48));
  const Tensor source = ids({9, 17, 31}, 1);
  const Tensor all =
      model({{"input_ids", source}, {"decoder_input_ids", ids(target, 1)}})["logits"];
  target.resize(500);
  const Tensor start =
      model({{"input_ids", source}, {"decoder_input_ids", ids(target, 1)}})["logits"];
  CHECK(golden::same_bits(start[0].clone(), all[0].slice(0, 0, 500).clone()));
}

TEST_CASE("what an encoder-decoder cannot read is refused by name") {
  const PretrainedModel t5 = load("t5"), bart = load("bart");
  const auto refused = [&](const PretrainedModel& model, const NamedTensors& inputs) {
    return golden::error_of([&] { model(inputs); }).second;
  };
  const Tensor source = ids({9, 17, 31, 5}, 1);
  CHECK(refused(t5, {{"input_ids", source}}) ==
        "give either decoder_input_ids or decoder_inputs_embeds, and not both");
  CHECK(refused(t5, {{"input_ids", source}, {"labels", source}}) ==
        "unknown input 'labels'; this model takes input_ids, attention_mask, inputs_embeds, and "
        "the same with decoder_");
  CHECK(refused(t5, {{"input_ids", source}, {"decoder_position_ids", source}})
            .starts_with("unknown input 'decoder_position_ids'"));
  CHECK(refused(t5, {{"input_ids", source}, {"decoder_input_ids", ids({0, 1}, 2)}}) ==
        "the decoder's inputs have 2 rows, but the encoder's 1");
  CHECK(refused(t5, {{"input_ids", source}, {"decoder_input_ids", ids({48}, 1)}})
            .starts_with("decoder_input_ids: id 48"));
  CHECK(refused(bart, {{"input_ids", ids(std::vector<int64_t>(25, 5), 1)}}) ==
        "input_ids: a token stands at position 24, but this model has 24: truncate the sequence");
  const PretrainedModel decoder = load("bart-causal", "float32", "AutoModelForCausalLM");
  for (const int64_t position : {std::numeric_limits<int64_t>::max(), int64_t{-1}, int64_t{24}}) {
    const Tensor places = ids({0, 1, 2, position}, 1);
    CHECK(refused(decoder, {{"input_ids", source}, {"position_ids", places}}) ==
          cat("decoder_input_ids: a token stands at position ", position,
              ", but this model has 24: truncate the sequence"));
  }
  const PretrainedModel classes = load("t5-classes", "float32", "T5ForSequenceClassification");
  CHECK(refused(classes, {{"input_ids", source}}) ==
        "row 0 of input_ids has 0 eos tokens (1); expected at least one, and as many in every row");
  CHECK(refused(classes, {{"input_ids", ids({1, 5, 1, 1}, 2)}}).starts_with("row 1 of input_ids"));
  CHECK(refused(classes, {{"input_ids", ids({1, 5}, 1)}, {"decoder_input_ids", ids({0}, 1)}})
            .starts_with("classification needs input_ids"));
}

TEST_CASE("what an encoder-decoder cannot begin with is refused by name") {
  const PretrainedModel model = load("t5");
  const auto refused = [&](const NamedTensors& inputs, const GenerationConfig& config) {
    Context ctx;
    return golden::error_of([&] { generate(ctx, *model, inputs, config); }).second;
  };
  const NamedTensors source = {{"input_ids", ids({9, 17, 31, 5}, 2)}};
  GenerationConfig config;
  CHECK(refused(source, config) ==
        "generate: an encoder-decoder needs decoder_start_token_id or bos_token_id to begin with");
  config.decoder_start_token_id = {0, 1, 2};
  CHECK(refused(source, config) ==
        "generate: decoder_start_token_id has 3 tokens for 2 rows; expected one or as many");
  config.decoder_start_token_id = {0};
  NamedTensors more = source;
  more.set("decoder_input_ids", ids({0, 3, 4}, 1));
  CHECK(refused(more, config) == "generate: decoder_input_ids have 1 rows, but input_ids 2");
  more.set("decoder_input_ids", ids({0, 3, 0, 4}, 2));
  more.set("decoder_attention_mask", ids({0, 1, 1, 1}, 2));
  CHECK(refused(more, config).starts_with("generate: decoder_inputs_embeds, or a"));
  NamedTensors hidden = source;
  hidden.set("attention_mask", ids({1, 1, 0, 0}, 2));
  CHECK(refused(hidden, config) == "row 1 of attention_mask is all 0: no prompt");
  CHECK(refused({}, config) == "give either input_ids or inputs_embeds, and not both");
  // Arguments are looked at before the encoder runs, which would find the id.
  config.max_length = 1;
  CHECK(refused({{"input_ids", ids({9, 999}, 1)}}, config)
            .starts_with("generate: the prompt has 1 tokens and max_length is 1"));
}

TEST_CASE("T5 and BART configs that make no sense are an Error") {
  struct Row {
    const char *model, *fields;
  };
  const Row rows[] = {{"t5", R"("relative_attention_max_distance": 4)"},
                      {"t5", R"("relative_attention_num_buckets": 0)"},
                      {"t5", R"("feed_forward_proj": "gated-nothing")"},
                      {"t5", R"("feed_forward_proj": 3)"},
                      {"t5", R"("d_kv": 0)"},
                      {"t5", R"("d_kv": 300)"},
                      {"t5", R"("num_heads": -1)"},
                      {"bart", R"("decoder_attention_heads": 3)"},
                      {"bart", R"("max_position_embeddings": 0)"},
                      {"bart", R"("decoder_start_token_id": -5)"}};
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const auto code = Files(row.model).outcome(row.fields);
    CHECK((code && *code != ErrorCode::internal));
  }
}

TEST_CASE("any two odd fields of a T5 or BART config together are an Error or a model that runs") {
  const char* const t5[] = {"vocab_size",
                            "d_model",
                            "d_kv",
                            "d_ff",
                            "num_layers",
                            "num_decoder_layers",
                            "num_heads",
                            "pad_token_id",
                            "relative_attention_num_buckets",
                            "decoder_start_token_id"};
  const char* const bart[] = {"vocab_size",      "d_model",         "max_position_embeddings",
                              "encoder_layers",  "decoder_layers",  "encoder_attention_heads",
                              "encoder_ffn_dim", "decoder_ffn_dim", "decoder_attention_heads",
                              "pad_token_id"};
  int errors = 0, models = 0;
  for (const char* name : kModels) {
    const Files files(name);
    const std::span<const char* const> fields =
        name == kModels[0] ? std::span<const char* const>(t5) : std::span<const char* const>(bart);
    for (const char* first : fields) {
      for (const char* second : fields) {
        if (first >= second) continue;
        for (const char* a : {"0", "1", "3", "65536", "null"}) {
          for (const char* b : {"-1", "1", "2", "1048576", "null"}) {
            const std::string both = cat("\"", first, "\": ", a, ", \"", second, "\": ", b);
            CAPTURE(both);
            const auto code = files.outcome(both);
            CHECK(code != ErrorCode::internal);
            ++(code ? errors : models);
          }
        }
      }
    }
  }
  CHECK(errors > 1000);
  CHECK(models > 20);
  MESSAGE(errors << " errors, " << models << " models");
}
