// SPDX-License-Identifier: Apache-2.0
// Models with sliding windows generate far beyond them from a cache of bounded size: logits are
// those without a cache, bit for bit, however the sequence came to be there.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../models/generate/generate.h"
#include "../../models/generate/stepper.h"
#include "golden.h"
#include "random_decoder.h"

using namespace tern;
using hub::Json;

namespace {

using Row = std::vector<int64_t>;

constexpr int64_t kTokens = 2000;

PretrainedModel make(const std::string& own) {
  return tern::test::random_decoder(
      R"("hidden_size": 32, "head_dim": 8, "initializer_range": 0.3, )" + own);
}

const char* const kMistral = R"("model_type": "mistral", "sliding_window": 32)";
const char* const kGemma =
    R"("model_type": "gemma2", "sliding_window": 24, "query_pre_attn_scalar": 8,
       "layer_types": ["sliding_attention", "full_attention", "sliding_attention"])";

Row random_row(int64_t count) {
  std::mt19937 rng(7);
  Row row;
  while (static_cast<int64_t>(row.size()) < count)
    row.push_back(static_cast<int64_t>(rng() % 88) + 2);
  return row;
}

/// Logits after the last token, nothing kept.
Tensor anew(const CausalModel& model, const Row& row) {
  Context ctx;
  const int64_t active[] = {0};
  return Stepper(ctx, model, {.use_cache = false}).logits({row}, active).clone();
}

/// Some cuts of a sequence into steps.
Tensor in_steps(const CausalModel& model, const Row& row, int64_t first, int64_t step) {
  Context ctx;
  const int64_t active[] = {0};
  Stepper stepper(ctx, model, {.capacity = kTokens});
  Tensor out;
  for (auto length = static_cast<size_t>(first);; length += static_cast<size_t>(step)) {
    length = std::min(length, row.size());
    out = stepper.logits({Row(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(length))},
                         active);
    if (length == row.size()) return out.clone();
  }
}

NamedTensors run(const Model& model, const Row& row, const std::string& arguments,
                 const GenerateHooks& hooks = {}) {
  Context ctx;
  GenerationConfig config;
  const Shape shape{1, static_cast<int64_t>(row.size())};
  return generate(ctx, model, {{"input_ids", Tensor::from<int64_t>(row, shape)}},
                  config.with(Json::parse(arguments, "arguments")), hooks);
}

void check_same(const NamedTensors& got, const NamedTensors& expected) {
  CHECK(golden::same_bits(got["sequences"], expected["sequences"]));
  CHECK(golden::same_bits(got["step_logits"], expected["step_logits"]));
}

}  // namespace

TEST_CASE("2,000 tokens through windows of 32: the logits without a cache, from 256 rows") {
  for (const char* own : {kMistral, kGemma}) {
    CAPTURE(std::string(own));
    const PretrainedModel model = make(own);
    const CausalModel& causal = *model->causal();
    const Row row = random_row(kTokens);
    const Tensor expected = anew(causal, row);
    CHECK(golden::same_bits(in_steps(causal, row, 1, 1), expected));
    CHECK(golden::same_bits(in_steps(causal, row, 700, 1), expected));
    CHECK(golden::same_bits(in_steps(causal, row, 3, 97), expected));
    CHECK(golden::same_bits(in_steps(causal, row, kTokens, 1), expected));
    const int64_t full = own == kMistral ? 0 : 1;
    CHECK(KvCache::bytes(causal.kv_shape(), 1, kTokens) ==
          static_cast<uint64_t>((3 - full) * 256 + full * kTokens) * 2 * 8 * 2 * 4);
  }
}

TEST_CASE("guesses, beams, rows of a batch and a past leave the window's bits as they are") {
  for (const char* own : {kMistral, kGemma}) {
    CAPTURE(std::string(own));
    const PretrainedModel model = make(own);
    const Row prompt = random_row(500);
    const std::string greedy = R"({"max_new_tokens": 150, "output_logits": true)";
    const NamedTensors expected = run(*model, prompt, greedy + R"(, "use_cache": false})");
    check_same(run(*model, prompt, greedy + "}"), expected);
    check_same(run(*model, prompt, greedy + R"(, "prompt_lookup_num_tokens": 90})"), expected);
    check_same(run(*model, prompt, greedy + "}", {.assistant_model = &*model}), expected);
    const std::string beams = R"({"max_new_tokens": 40, "num_beams": 3, "output_logits": true)";
    check_same(run(*model, prompt, beams + "}"),
               run(*model, prompt, beams + R"(, "use_cache": false})"));

    PastKeyValues past;
    const GenerateHooks hooks = {.past_key_values = &past};
    check_same(run(*model, prompt, greedy + "}", hooks), expected);
    CHECK(past.tokens(0).size() == 649);
    Row next(expected["sequences"].data<int64_t>(), expected["sequences"].data<int64_t>() + 650);
    next.back() ^= 1;  // goes on from almost all of it
    check_same(run(*model, next, greedy + "}", hooks), run(*model, next, greedy + "}"));
    next.resize(300);  // the window has moved on from there
    next.push_back(3);
    check_same(run(*model, next, greedy + "}", hooks), run(*model, next, greedy + "}"));
  }
}
