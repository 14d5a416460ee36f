// SPDX-License-Identifier: Apache-2.0
// A model written outside the library, with its public headers only: a bag of words. Its class is
// registered at run time and loaded like any other.
#include <doctest/doctest.h>

#include "../../models/blocks/layers.h"
#include "../../models/tern.h"
#include "golden.h"

namespace {

using namespace tern;

/// logits = W · mean of the word vectors.
class BagOfWords final : public Model {
 public:
  BagOfWords(const Config& c, const Weights& w)
      : Model(c),
        words_(make_embedding(w / "words", c.integer({"vocab_size"}, std::nullopt, 1, 1 << 20),
                              c.integer({"hidden_size"}, std::nullopt, 1, 1024))),
        classifier_(make_linear(w / "classifier", words_.table().dim(1), c.num_labels(), false)) {}

  NamedTensors forward(Context& ctx, const NamedTensors& inputs,
                       const ForwardOptions&) const override {
    const Tensor& ids = inputs["input_ids"];  // [1, length]
    const EmbeddingInput input{words_.table(),
                               {ids.data<int64_t>(), static_cast<size_t>(ids.numel())}};
    const Segment all{0, ids.numel()};
    const Tensor rows = embedding(ctx, {&input, 1}, "words");
    return {{"logits", classifier_(ctx, pool(ctx, rows, {.sequences = {&all, 1}}, Pooling::mean))}};
  }

 private:
  Embedding words_;
  Linear classifier_;
};

ModelClass bag_of_words() {
  return {
      .name = "BagOfWordsForSequenceClassification",
      .model_type = "bag-of-words",
      .task = "AutoModelForSequenceClassification",
      .make = [](const Config& c, const Weights& w) { return std::make_unique<BagOfWords>(c, w); }};
}

/// The Error that loading a config gives.
std::pair<ErrorCode, std::string> load_error(const char* task, const std::string& config) {
  const std::string folder = golden::scratch_folder("registry");
  golden::write(folder + "/config.json", config);
  try {
    load_model(task, hub::Repo::open(folder));
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a model registered from outside loads and runs like a built-in one") {
  const std::string folder = golden::scratch_folder("outside");
  golden::write(folder + "/config.json",
                R"({"model_type": "bag-of-words", "vocab_size": 10, "hidden_size": 4})");
  golden::write(folder + "/model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  const auto load = [&] { return AutoModelForSequenceClassification::from_pretrained(folder); };
  CHECK_THROWS_AS(load(), Error);  // nobody knows the type yet

  register_model(bag_of_words());
  CHECK_THROWS_AS(register_model(bag_of_words()), Error);  // the name is taken
  const PretrainedModel model = load();
  CHECK(model->class_name() == "BagOfWordsForSequenceClassification");
  CHECK(model->loading_report().missing_keys ==
        std::vector<std::string>{"classifier.weight", "words.weight"});
  const std::vector<int64_t> ids = {1, 2, 3};
  const Tensor logits =
      model({{"input_ids", Tensor::from(std::span<const int64_t>(ids), {1, 3})}})["logits"];
  CHECK(logits.shape() == Shape({1, 2}));
  CHECK_THROWS_AS(model->encode(thread_context(), {}), Error);  // no text encoder
}

TEST_CASE("a class that does not fit the repository lists those that do") {
  const auto [code, message] = load_error("AutoModelForCTC", R"({"model_type": "bert"})");
  CHECK(code == ErrorCode::invalid_argument);
  CHECK(contains(message, "BertForMaskedLM (AutoModelForMaskedLM)"));
  const auto [other, text] = load_error("RobertaModel", R"({"model_type": "bert"})");
  CHECK(other == ErrorCode::invalid_argument);
  CHECK(contains(text, "Unrecognized configuration class"));
}

TEST_CASE("a model type nobody knows is unsupported and named") {
  const auto [code, message] = load_error("AutoModel", R"({"model_type": "hal9000"})");
  CHECK(code == ErrorCode::unsupported);
  CHECK(contains(message, "'hal9000'"));
  CHECK(contains(message, "bert"));
  CHECK(load_error("AutoModel", "{}").first == ErrorCode::unsupported);
  CHECK(load_error("AutoModel", R"({"model_type": 3})").first == ErrorCode::invalid_argument);
}

TEST_CASE("a repository with Python code of its own names the class to register") {
  const auto [code, message] = load_error(
      "AutoModel",
      R"({"model_type": "resnet50d", "auto_map": {"AutoModel": "org/repo--modeling_resnet.ResnetModel"}})");
  CHECK(code == ErrorCode::unsupported);
  CHECK(contains(message, "'ResnetModel'"));
  CHECK(contains(message, "register_model"));
}

TEST_CASE("an adapter is refused as one") {
  const std::string folder = golden::scratch_folder("adapter");
  golden::write(folder + "/adapter_config.json", "{}");
  try {
    AutoModel::from_pretrained(folder);
    FAIL("an adapter loaded as a model");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::unsupported);
    CHECK(contains(e.what(), "adapter"));
  }
}

TEST_CASE("an Auto class and the concrete class give the same model") {
  const std::string folder = std::string(TERN_TEST_DATA) + "/golden/bert";
  CHECK(AutoModel::from_pretrained(folder)->class_name() == "BertModel");
  CHECK(load_model("BertModel", hub::Repo::open(folder))->class_name() == "BertModel");
  CHECK(AutoConfig::from_pretrained(folder).model_type() == "bert");
}
