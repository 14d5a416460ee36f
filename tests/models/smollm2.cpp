// SPDX-License-Identifier: Apache-2.0
// The real SmolLM2-135M-Instruct in GGUF Q4_1 (tools/fetch_smollm2): what Transformers 5.23 with
// torch 2.13 answers greedily from the same file, unpacked to fp32
// (AutoModelForCausalLM.from_pretrained(folder, gguf_file=…, dtype=float32), do_sample=False,
// max_new_tokens=64).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <span>

#include "../../models/generate/generate.h"
#include "../../models/text/chat_template.h"
#include "../../models/text/tokenizer.h"
#include "golden.h"

using namespace tern;

namespace {

/// The file from TERN_SMOLLM2, or where tools/fetch_smollm2 puts it; empty when it is not here.
std::string real_smollm2() {
  if (const char* path = std::getenv("TERN_SMOLLM2")) return path;
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::string root = cache ? cache : std::string(home ? home : "") + "/.cache";
  const std::string file = root + "/tern/SmolLM2-135M-Instruct.Q4_1.gguf";
  return golden::exists(file) ? file : std::string();
}

struct Answer {
  const char* question;
  std::vector<int64_t> tokens;
};

const Answer kAnswers[] = {
    {"What is the capital of France?", {504, 3575, 282, 4649, 314, 7042, 30, 2}},
    {"Explain how a rainbow forms.",
     {49,   24594, 314,   253,   19339, 6968, 338,  4149,  645,  1420,  26623, 351,  913,
      28,   4170,  645,   357,   9404,  767,  260,  2376,  282,  260,   2591,  30,   378,
      980,  282,   1420,  14768, 351,   913,  314,  253,   4959, 1909,  281,   6944, 28,
      4170, 281,   25568, 30,    198,   198,  2427, 1420,  314,  47673, 738,   253,  37650,
      28,   357,   314,   21112, 277,   28,   355,  18178, 28,   1568,  288,   260}},
};

std::vector<int64_t> prompt_of(const Tokenizer& tokenizer, const char* question) {
  const std::string messages = R"([{"role": "user", "content": ")" + std::string(question) + "\"}]";
  return tokenizer
      .apply_chat_template(hub::Json::parse(messages, "messages"), {.add_generation_prompt = true})
      .encodings.front()
      .ids;
}

/// -ln p of each of the tokens but the first of each piece of 512, given those before it there.
std::vector<double> losses(const PretrainedModel& model, const std::vector<int64_t>& ids) {
  constexpr size_t kPiece = 512;
  std::vector<double> each;
  for (size_t begin = 0; begin < ids.size(); begin += kPiece) {
    const auto piece = std::span(ids).subspan(begin, std::min(kPiece, ids.size() - begin));
    const auto length = static_cast<int64_t>(piece.size());
    const NamedTensors out = model({{"input_ids", Tensor::from<int64_t>(piece, {1, length})}});
    const Tensor& logits = out["logits"];
    const int64_t vocabulary = logits.dim(2);
    for (int64_t i = 0; i + 1 < length; ++i) {
      const float* row = logits.data<float>() + i * vocabulary;
      double total = 0;
      for (int64_t j = 0; j < vocabulary; ++j) total += std::exp(static_cast<double>(row[j]));
      each.push_back(std::log(total) - static_cast<double>(row[piece[static_cast<size_t>(i + 1)]]));
    }
  }
  return each;
}

}  // namespace

TEST_CASE("SmolLM2 from GGUF in float32 answers as Transformers does") {
  const std::string file = real_smollm2();
  if (file.empty()) {
    MESSAGE("skipped: no SmolLM2 (tools/fetch_smollm2 obtains it)");
    return;
  }
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(file);
  const PretrainedModel model = AutoModelForCausalLM::from_pretrained(file, {.dtype = "float32"});
  CHECK(model->loading_report().clean());
  CHECK(model->loading_report().quantize.empty());
  for (const Answer& answer : kAnswers) {
    const std::vector<int64_t> prompt = prompt_of(tokenizer, answer.question);
    const auto length = static_cast<int64_t>(prompt.size());
    GenerationConfig config =
        GenerationConfig::from_repo(hub::Repo::from_memory({}, "none"), model->config());
    config.max_new_tokens = 64;
    Context ctx;
    const NamedTensors out =
        generate(ctx, *model, {{"input_ids", Tensor::from<int64_t>(prompt, {1, length})}}, config);
    const Tensor& sequences = out["sequences"];
    const int64_t* ids = sequences.data<int64_t>();
    CHECK(std::vector<int64_t>(ids + length, ids + sequences.dim(1)) == answer.tokens);
  }
}

TEST_CASE("SmolLM2 from its own blocks costs half a percent of perplexity at most") {
  const std::string file = real_smollm2();
  if (file.empty()) {
    MESSAGE("skipped: no SmolLM2 (tools/fetch_smollm2 obtains it)");
    return;
  }
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(file);
  const std::vector<int64_t> ids =
      tokenizer.encode(golden::read(std::string(TERN_TEST_DATA) + "/text/prose.txt")).ids;
  CHECK(ids.size() >= 5000);
  const PretrainedModel exact = AutoModelForCausalLM::from_pretrained(file, {.dtype = "float32"});
  const PretrainedModel fast = AutoModelForCausalLM::from_pretrained(file);
  CHECK(fast->loading_report().quantize == "Q8_0, Q4_1");
  const std::vector<double> expected = losses(exact, ids), found = losses(fast, ids);
  double sum = 0, squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = found[i] - expected[i];
    sum += difference;
    squares += difference * difference;
  }
  const auto n = static_cast<double>(expected.size());
  const double mean = sum / n, error = std::sqrt((squares / n - mean * mean) / n);
  MESSAGE("ln of the perplexities' ratio: " << mean << " ± " << error);
  CHECK(std::abs(mean) <= std::log(1.005));
  CHECK(mean != 0);  // it did run from its blocks
}
