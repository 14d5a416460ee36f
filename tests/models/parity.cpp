// SPDX-License-Identifier: Apache-2.0
// Every golden folder of the text encoders against Transformers' fp32 outputs.
#include <doctest/doctest.h>

#include <algorithm>
#include <span>

#include "../../models/sentence_transformer.h"
#include "golden.h"

using namespace tern;

namespace {

const char* const kFolders[] = {
    "bert",
    "bert-for-masked-lm",
    "bert-for-multiple-choice",
    "bert-for-next-sentence-prediction",
    "bert-for-question-answering",
    "bert-for-sequence-classification",
    "bert-for-token-classification",
    "distilbert",
    "distilbert-for-masked-lm",
    "distilbert-for-question-answering",
    "distilbert-for-sequence-classification",
    "distilbert-for-token-classification",
    "roberta",
    "roberta-for-masked-lm",
    "roberta-for-question-answering",
    "roberta-for-sequence-classification",
    "xlm-roberta",
    "xlm-roberta-for-sequence-classification",
    "xlm-roberta-for-token-classification",
    "mpnet",
    "mpnet-for-masked-lm",
    "mpnet-for-sequence-classification",
    "minilm",
    "sentence-bert-cls",
};

const char* const kDecoders[] = {
    "llama",
    "llama-rope-llama3",
    "llama-for-question-answering",
    "llama-for-sequence-classification",
    "llama-for-token-classification",
    "mistral",
    "mixtral",
    "gemma",
    "gemma2",
    "gemma3",
    "qwen2",
    "qwen3",
    "qwen3-yarn",
    "phi3",
    "phi3-longrope",
    "gpt2",
    "gpt_neox",
};

const char* const kEncoderDecoders[] = {
    "t5", "t5-encoder", "t5-v1_1", "bart", "bart-for-sequence-classification",
};

/// The expected output of a case, and what the model gives for it.
struct Pair {
  std::string name;
  Tensor got, expected;
};

std::vector<Pair> run_folder(const std::string& folder, const std::string& dtype) {
  const hub::Repo repo = hub::Repo::open(folder);
  std::vector<Pair> pairs;
  for (const golden::Case& c : golden::cases(folder)) {
    if (c.call != "forward") continue;
    LoadOptions options = golden::load_options(c.load_kwargs);
    options.dtype = dtype;
    const PretrainedModel model = load_model(c.auto_class, repo, options);
    NamedTensors outputs = model(c.inputs, {.arguments = c.kwargs});
    if (c.outputs.contains("sentence_embedding")) {
      SentenceHead::from_repo(repo, model->hidden_size())
          .add_embedding(thread_context(), c.inputs, outputs);
    }
    const bool causal = std::find(std::begin(kDecoders), std::end(kDecoders),
                                  folder.substr(folder.rfind('/') + 1)) != std::end(kDecoders);
    const Tensor mask = causal ? c.inputs.get("attention_mask") : Tensor();
    for (const auto& [name, expected] : c.outputs.entries()) {
      pairs.push_back({c.name + "/" + name, golden::at_real_tokens(outputs.get(name), mask),
                       golden::at_real_tokens(expected, mask)});
    }
  }
  return pairs;
}

void check_fp32(const std::string& name, const std::string& folder) {
  constexpr double kTolerance = 3e-5;  // of max(1, max |expected|): contracts.md
  std::vector<double> errors;
  for (const Pair& pair : run_folder(folder, "auto")) {
    CAPTURE(pair.name);
    REQUIRE(pair.got);
    errors.push_back(golden::error(pair.got, pair.expected));
    CHECK(errors.back() <= kTolerance);
  }
  const double median = golden::median(errors);
  CHECK(median <= kTolerance / 10);
  MESSAGE(name << ": " << errors.size() << " outputs, error median " << median << ", largest "
               << *std::max_element(errors.begin(), errors.end()));
}

void check_golden(std::span<const char* const> names) {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data; the copies in tests/data are checked below");
    return;
  }
  for (const char* name : names) {
    CAPTURE(name);
    check_fp32(name, golden::root() + "/" + name);
  }
}

}  // namespace

TEST_CASE("every output of every text encoder folder is Transformers' within 3e-5") {
  check_golden(kFolders);
}

TEST_CASE("every forward output of every decoder folder is Transformers' within 3e-5") {
  check_golden(kDecoders);
}

TEST_CASE("every forward output of every encoder-decoder folder is Transformers' within 3e-5") {
  check_golden(kEncoderDecoders);
}

TEST_CASE("the classes of encoder-decoders that no folder has are Transformers' within 3e-5") {
  for (const char* name : {"t5", "t5-classes", "t5-tokens", "t5-answers", "bart", "bart-classes",
                           "bart-answers", "bart-causal"}) {
    CAPTURE(name);
    check_fp32(name, std::string(TERN_TEST_DATA) + "/seq2seq/" + name);
  }
}

TEST_CASE("encoders as decoders, BART's decoder and GPT-2 are Transformers' within 3e-5") {
  for (const char* name : {"bert", "bert-masked", "bert-model", "roberta", "xlm-roberta",
                           "camembert", "bart", "gpt2"}) {
    CAPTURE(name);
    check_fp32(name, std::string(TERN_TEST_DATA) + "/causal/" + name);
  }
}

TEST_CASE("the golden folders kept in the tree are matched within 3e-5") {
  for (const char* name : {"bert", "minilm"}) {
    CAPTURE(name);
    check_fp32(name, std::string(TERN_TEST_DATA) + "/golden/" + name);
  }
}

TEST_CASE("in bfloat16 the outputs stay within a few percent of fp32") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  // bf16 keeps 8 bits: 2^-9 relative rounding per factor, accumulated over two layers of products.
  constexpr double kMedian = 1.5e-2, kLargest = 6e-2;
  std::vector<double> errors;
  std::vector<const char*> names(std::begin(kFolders), std::end(kFolders));
  names.insert(names.end(), std::begin(kEncoderDecoders), std::end(kEncoderDecoders));
  for (const char* name : names) {
    for (const Pair& pair : run_folder(golden::root() + "/" + name, "bfloat16")) {
      CAPTURE(name);
      CAPTURE(pair.name);
      errors.push_back(golden::relative_l2(pair.got, pair.expected));
      CHECK(errors.back() <= kLargest);
    }
  }
  const double median = golden::median(errors);
  CHECK(median <= kMedian);
  CHECK(median > 1e-5);  // it did run in bf16
  MESSAGE("bf16: " << errors.size() << " outputs, relative L2 median " << median << ", largest "
                   << *std::max_element(errors.begin(), errors.end()));
}
