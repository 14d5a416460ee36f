// SPDX-License-Identifier: Apache-2.0
// cache_implementation "quantized": keys and values in int8 change logits a little, and by the same
// bits however a sequence came to be there.
#include <doctest/doctest.h>

#include <cmath>

#include "../../engine/base/format.h"
#include "../../models/generate/generate.h"
#include "golden.h"
#include "random_decoder.h"

using namespace tern;
using hub::Json;

namespace {

using Row = std::vector<int64_t>;

PretrainedModel make(const std::string& own) {
  return tern::test::random_decoder(
      R"("hidden_size": 64, "head_dim": 16, "initializer_range": 0.1, )" + own);
}

Row prompt_of(int64_t count, int64_t seed) {
  Row row;
  for (int64_t i = 0; i < count; ++i) row.push_back((i * 31 + i * i * 7 + seed) % 88 + 2);
  return row;
}

NamedTensors run(const Model& model, const std::vector<Row>& rows, const std::string& arguments,
                 const GenerateHooks& hooks = {}) {
  Context ctx;
  Row ids;
  for (const Row& row : rows) ids.insert(ids.end(), row.begin(), row.end());
  const Shape shape{static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())};
  return generate(ctx, model, {{"input_ids", Tensor::from<int64_t>(ids, shape)}},
                  GenerationConfig().with(Json::parse(arguments, "arguments")), hooks);
}

const std::string kGreedy = R"({"max_new_tokens": 40, "output_logits": true)";
const std::string kQuantized = kGreedy + R"(, "cache_implementation": "quantized")";

std::string error_of(const std::string& arguments) {
  try {
    GenerationConfig().with(Json::parse(arguments, "arguments"));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE(
    "a cache in int8: logits near those of floats, the same bits in any batch and any steps") {
  for (const char* own :
       {R"("model_type": "llama")", R"("model_type": "mistral", "sliding_window": 32)"}) {
    CAPTURE(std::string(own));
    const PretrainedModel model = make(own);
    const Row prompt = prompt_of(300, 1), other = prompt_of(300, 2);
    const NamedTensors expected = run(*model, {prompt}, kQuantized + "}");
    const auto same = [&](const NamedTensors& got) {
      CHECK(golden::same_bits(got["sequences"], expected["sequences"]));
      CHECK(golden::same_bits(got["step_logits"], expected["step_logits"]));
    };
    const NamedTensors exact = run(*model, {prompt}, kGreedy + "}");
    double error = 0, largest = 0;
    for (int64_t i = 0; i < 90; ++i) {  // of the first step: the tokens before it are the same
      const double want = static_cast<double>(exact["step_logits"].data<float>()[i]);
      const double got = static_cast<double>(expected["step_logits"].data<float>()[i]);
      error = std::max(error, std::abs(got - want));
      largest = std::max(largest, std::abs(want));
    }
    CHECK(error > 0);
    CHECK(error < 0.05 * largest);

    const NamedTensors batch = run(*model, {other, prompt}, kQuantized + "}");
    const Tensor mine = batch["step_logits"].slice(0, 1, 2).clone();
    CHECK(golden::same_bits(mine, expected["step_logits"]));
    same(run(*model, {prompt}, kQuantized + R"(, "prompt_lookup_num_tokens": 6})"));
    same(run(*model, {prompt}, kQuantized + "}", {.assistant_model = &*model}));
    PastKeyValues past;
    const GenerateHooks hooks = {.past_key_values = &past};
    const Row begin(prompt.begin(), prompt.begin() + 150);
    run(*model, {begin}, kGreedy + "}", hooks);  // of floats: nothing of it is of use
    const uint64_t floats = past.bytes();
    run(*model, {begin}, kQuantized + "}", hooks);
    CHECK(past.bytes() == floats / 64 * 20);
    same(run(*model, {prompt}, kQuantized + "}", hooks));
  }
}

TEST_CASE("names of caches are Transformers', and a quantized one has 8 bits") {
  for (const char* name : {"dynamic", "static", "hybrid", "paged", "quantized"})
    CHECK(error_of(cat(R"({"cache_implementation": ")", name, "\"}")) == "");
  CHECK(error_of(R"({"cache_implementation": "boundless"})") ==
        "generate: 'cache_implementation' must be dynamic, static, quantized or another of "
        "Transformers' names, found 'boundless'");
  const std::string bits = R"({"cache_implementation": "quantized", "cache_config": {"nbits": )";
  CHECK(error_of(bits + "8}}") == "");
  CHECK(error_of(bits + "4}}") ==
        "generate: a quantized cache has 8 bits here, 'cache_config' wants nbits 4");
  CHECK(error_of(bits + "\"x\"}}").find("nbits") != std::string::npos);
  const PretrainedModel model = make(R"("model_type": "llama")");
  CHECK_THROWS_WITH_AS(run(*model, {prompt_of(3, 1)}, kQuantized + R"(, "use_cache": false})"),
                       "generate: cache_implementation quantized without a cache: set use_cache",
                       Error);
}
