// SPDX-License-Identifier: Apache-2.0
// Guesses (an assistant model, prompt lookup) save steps and change nothing: generate() with them
// against itself without.
#include <doctest/doctest.h>

#include "../../engine/base/format.h"
#include "../../models/generate/candidates.h"
#include "generator.h"

using namespace tern;
using hub::Json;

namespace {

using Loaded = golden::Generator;

struct Guesses {
  int64_t steps = 0, guessed = 0, right = 0;
};

/// Rows of 3 and 5 tokens, which repeat themselves.
NamedTensors prompts() {
  return {
      {"input_ids",
       Tensor::from<int64_t>(std::vector<int64_t>{0, 0, 0, 9, 17, 9, 31, 8, 31, 8, 31, 8}, {2, 6})},
      {"attention_mask",
       Tensor::from<int64_t>(std::vector<int64_t>{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {2, 6})}};
}

NamedTensors run(const Loaded& loaded, const std::string& arguments, GenerateHooks hooks = {},
                 Guesses* guesses = nullptr) {
  if (guesses) {
    hooks.on_guesses = [guesses](int64_t guessed, int64_t right) {
      guesses->steps += 1;
      guesses->guessed += guessed;
      guesses->right += right;
    };
  }
  Context ctx;
  return generate(ctx, *loaded.model, prompts(),
                  loaded.config.with(Json::parse(arguments, "arguments")), hooks);
}

void check_same(const NamedTensors& got, const NamedTensors& expected) {
  for (const char* name : {"sequences", "step_logits"}) {
    CAPTURE(name);
    CHECK(golden::same_bits(got[name], expected[name]));
  }
}

/// Arguments of a call with some more.
std::string with(std::string arguments, const std::string& more) {
  arguments.insert(arguments.size() - 1, ", " + more);
  return arguments;
}

constexpr const char* kSingleToken = R"({"max_new_tokens": 1, "output_logits": true})";
const char* const kCalls[] = {
    R"({"max_new_tokens": 24, "eos_token_id": [], "pad_token_id": 1, "output_logits": true})",
    R"({"max_new_tokens": 24, "output_logits": true, "repetition_penalty": 1.4,
        "no_repeat_ngram_size": 3, "min_new_tokens": 9})",
    R"({"max_new_tokens": 24, "eos_token_id": [], "pad_token_id": 1, "output_logits": true,
        "use_cache": false})",
    R"({"max_new_tokens": 17, "output_logits": true, "do_sample": true, "temperature": 0.05,
        "seed": 7, "top_k": 4})",
    kSingleToken};

/// Models, and one that assists each.
const std::pair<std::string, std::string> kPairs[] = {
    {"llama", "llama"},      {"llama", "gpt2"},      {"gpt2", "gpt2"},    {"mistral", "qwen3"},
    {"gemma2", "gemma2"},    {"gemma3", "gemma3"},   {"qwen2", "gemma"},  {"qwen3-yarn", "qwen3"},
    {"gpt_neox", "mixtral"}, {"mixtral", "mixtral"}, {"phi3", "mistral"}, {"t5", "t5"},
    {"bart", "bart"}};

}  // namespace

TEST_CASE("an assistant's guesses change no token and no logit, and save steps") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const std::pair<std::string, std::string>& pair : kPairs) {
    const std::string &name = pair.first, &assistant_name = pair.second;
    CAPTURE(name);
    CAPTURE(assistant_name);
    const Loaded loaded(name), assistant(assistant_name);
    for (const std::string call : kCalls) {
      CAPTURE(call);
      const NamedTensors plain = run(loaded, call);
      for (const char* more :
           {R"("num_assistant_tokens": 5, "assistant_confidence_threshold": 0)",
            R"("num_assistant_tokens": 1, "num_assistant_tokens_schedule": "heuristic")"}) {
        Guesses guesses;
        check_same(run(loaded, with(call, more), {.assistant_model = &*assistant.model}, &guesses),
                   plain);
        CHECK((guesses.guessed > 0) == (call != kSingleToken));
      }
    }
    if (name != assistant_name) continue;
    // A model that assists itself is always right: 24 tokens of two rows, six in a step; or two,
    // four, six, eight and the rest; or two in each step, when one guess is enough to be unsure.
    const std::pair<const char*, int64_t> schedules[] = {
        {R"("num_assistant_tokens": 5, "assistant_confidence_threshold": 0)", 8},
        {R"("num_assistant_tokens": 1, "assistant_confidence_threshold": 0,
            "num_assistant_tokens_schedule": "heuristic")",
         10},
        {R"("num_assistant_tokens": 5, "assistant_confidence_threshold": 1)", 24}};
    for (const auto& [more, steps] : schedules) {
      Guesses guesses;
      run(loaded, with(kCalls[0], more), {.assistant_model = &*assistant.model}, &guesses);
      CHECK(guesses.right == guesses.guessed);
      CHECK(guesses.steps == steps);
    }
  }
}

TEST_CASE("prompt lookup changes no token and no logit, and saves steps") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  int64_t right = 0;
  for (const std::pair<std::string, std::string>& pair : kPairs) {
    CAPTURE(pair.first);
    const Loaded loaded(pair.first);
    for (const std::string call : kCalls) {
      CAPTURE(call);
      const NamedTensors plain = run(loaded, call);
      for (const char* more : {R"("prompt_lookup_num_tokens": 10)",
                               R"("prompt_lookup_num_tokens": 3, "max_matching_ngram_size": 1)"}) {
        Guesses guesses;
        check_same(run(loaded, with(call, more), {}, &guesses), plain);
        right += guesses.right;
      }
    }
  }
  CHECK(right > 300);
}

TEST_CASE("a model whose angles depend on the length takes no guesses") {
  if (golden::root().empty()) return;
  const Loaded loaded("phi3-longrope");
  Guesses guesses;
  check_same(run(loaded, with(kCalls[0], R"("prompt_lookup_num_tokens": 10)"), {}, &guesses),
             run(loaded, kCalls[0]));
  CHECK(guesses.steps == 0);
}

TEST_CASE("right guesses end at an end token, at the callback's word and at max_length") {
  if (golden::root().empty()) return;
  const Loaded llama("llama");
  const Tensor plain = run(llama, kCalls[0])["sequences"];
  const auto* tokens = plain.data<int64_t>() + 6;
  for (const int64_t end : {tokens[0], tokens[2], tokens[7]}) {
    const std::string call =
        cat(R"({"max_new_tokens": 24, "output_logits": true, "eos_token_id": [)", end, "]}");
    check_same(run(llama, call, {.assistant_model = &*llama.model}), run(llama, call));
  }
  for (const int64_t most : {2, 5, 6, 7}) {
    const std::string call =
        cat(R"({"max_new_tokens": )", most, R"(, "output_logits": true, "eos_token_id": [],)",
            R"("pad_token_id": 1, "num_assistant_tokens": 5})");
    check_same(run(llama, call, {.assistant_model = &*llama.model}), run(llama, call));
  }
  std::vector<int64_t> heard;
  GenerateHooks hooks = {.assistant_model = &*llama.model};
  hooks.on_token = [&](int64_t row, int64_t token) {
    if (row == 0) heard.push_back(token);
    return row == 0 && heard.size() < 4;
  };
  run(llama, kCalls[0], hooks);
  CHECK(heard == std::vector<int64_t>(tokens, tokens + 4));
}

TEST_CASE("a position that a model does not have is not guessed") {
  if (golden::root().empty()) return;
  // BART has 64 positions, and the rows end where the next token would need one more.
  const Loaded bart("bart");
  for (const bool lookup : {false, true}) {
    std::vector<int> tokens(2);
    GenerateHooks hooks;
    hooks.on_token = [&](int64_t row, int64_t) { return ++tokens[static_cast<size_t>(row)] < 63; };
    const std::string call =
        R"({"max_length": 80, "eos_token_id": [], "pad_token_id": 1, "forced_eos_token_id": []})";
    run(bart, call, hooks);
    CHECK(tokens == std::vector<int>{63, 63});
    tokens = {0, 0};
    if (!lookup) hooks.assistant_model = &*bart.model;
    run(bart, lookup ? with(call, R"("prompt_lookup_num_tokens": 10)") : call, hooks);
    CHECK(tokens == std::vector<int>{63, 63});
  }
}

TEST_CASE("an assistant guesses no further than its own positions") {
  if (golden::root().empty()) return;
  const Loaded t5("t5"), bart("bart");
  const char* call = R"({"max_new_tokens": 90, "eos_token_id": [], "pad_token_id": 1,
                         "output_logits": true})";
  check_same(run(t5, call, {.assistant_model = &*bart.model}), run(t5, call));
}

TEST_CASE("what cannot be guessed is refused") {
  if (golden::root().empty()) return;
  const Loaded llama("llama"), mistral("mistral"), t5("t5");
  const auto error = [&](const Loaded& loaded, const char* arguments, const Model* assistant) {
    return golden::error_of([&] { run(loaded, arguments, {.assistant_model = assistant}); });
  };
  CHECK(error(llama, "{}", &*mistral.model) ==
        std::pair(ErrorCode::unsupported,
                  std::string("generate: the assistant's vocabulary has 224 tokens, the model's "
                              "320: both must have the same tokenizer")));
  CHECK(error(llama, "{}", &*t5.model).first == ErrorCode::unsupported);
  CHECK(error(llama, R"({"num_beams": 2})", &*llama.model).first == ErrorCode::unsupported);
  CHECK(error(llama, R"({"num_beams": 2, "prompt_lookup_num_tokens": 3})", nullptr).first ==
        ErrorCode::unsupported);
  CHECK(error(llama, R"({"prompt_lookup_num_tokens": 3})", &*llama.model).first ==
        ErrorCode::invalid_argument);
  for (const char* bad :
       {R"({"num_assistant_tokens_schedule": "often"})", R"({"num_assistant_tokens": 0})",
        R"({"prompt_lookup_num_tokens": -1})", R"({"max_matching_ngram_size": 0})",
        R"({"num_assistant_tokens": 9223372036854775807})",
        R"({"assistant_confidence_threshold": 1.5})"}) {
    CAPTURE(bad);
    CHECK(error(llama, bad, nullptr).first == ErrorCode::invalid_argument);
  }
}

TEST_CASE("what followed the last tokens before is found: the longest match, its latest place") {
  const std::vector<int64_t> row = {1, 2, 3, 4, 9, 2, 3, 5, 9, 3, 6, 2, 3};
  const auto found = [&](int64_t ngram, int64_t most, size_t length) {
    const auto next = looked_up(std::span(row).first(length), ngram, most);
    return std::vector<int64_t>(next.begin(), next.end());
  };
  using Row = std::vector<int64_t>;
  CHECK(found(2, 2, 13) == Row{5, 9});                 // 2 3 at 5, not at 1
  CHECK(found(2, 7, 13) == Row{4, 9, 2, 3, 5, 9, 3});  // only the first place has seven
  CHECK(found(2, 100, 13) == Row{4, 9, 2, 3, 5, 9, 3, 6, 2, 3});
  CHECK(found(1, 2, 13) == Row{6, 2});
  CHECK(found(3, 2, 13) == Row{5, 9});  // no 6 2 3 before: two tokens match
  CHECK(found(2, 3, 4).empty());        // 4 has not been
  CHECK(found(2, 0, 13).empty());
  CHECK(found(2, 3, 1).empty());
  CHECK(found(2, 3, 0).empty());
  const std::vector<int64_t> loop = {7, 7, 7};
  CHECK(looked_up(loop, 2, 5).size() == 1);
  CHECK(looked_up(loop, 1, 5).size() == 2);
}
