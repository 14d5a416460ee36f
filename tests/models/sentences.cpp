// SPDX-License-Identifier: Apache-2.0
// SentenceTransformer: each part of the pipeline on a small model with a tokenizer of whole words
// (the real model: minilm.cpp).
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <thread>

#include "../../engine/base/format.h"
#include "../../engine/base/log.h"
#include "../../hub/formats/safetensors.h"
#include "../../models/sentence_transformer.h"
#include "golden.h"

using namespace tern;

namespace {

/// Ids 0 … 4 are [PAD] [UNK] [CLS] [SEP] [MASK]; 5 … 299 the words w5 … w299, 40 also "wörter".
std::string word_tokenizer() {
  std::string vocab = R"("[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4)";
  for (int i = 5; i < 300; ++i) vocab += cat(", \"", i == 40 ? "wörter" : cat("w", i), "\": ", i);
  // Truncation and padding of the file must not count: the pipeline has its own.
  return R"({"version": "1.0",
    "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                "pad_type_id": 0, "pad_token": "[PAD]"},
    "added_tokens": [
      {"id": 2, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
      "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
      "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                         "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
    "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {)" +
         vocab + "}}}";
}

/// The small MiniLM of tests/data with that tokenizer; tests change its files.
struct Files {
  std::map<std::string, std::string> files;

  Files() {
    const std::string folder = std::string(TERN_TEST_DATA) + "/golden/minilm/";
    for (const char* name :
         {"config.json", "model.safetensors", "modules.json", "1_Pooling/config.json",
          "sentence_bert_config.json", "config_sentence_transformers.json"}) {
      files[name] = golden::read(folder + name);
    }
    files["tokenizer.json"] = word_tokenizer();
    files["tokenizer_config.json"] =
        R"({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512})";
  }
  hub::Repo repo() const {
    std::map<std::string, StorageRef> storages;
    for (const auto& [name, bytes] : files) storages[name] = golden::storage_of(bytes);
    return hub::Repo::from_memory(std::move(storages));
  }
  SentenceTransformer load(const LoadOptions& options = {}) const {
    return SentenceTransformer::from_repo(repo(), options);
  }
  void set_modules(const std::string& list) { files["modules.json"] = "[" + list + "]"; }
};

const std::string kTransformer =
    R"({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"})";
const std::string kPooling =
    R"({"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"})";

/// Hidden states of one text by a plain forward call: [length, hidden].
Tensor hidden_of(const SentenceTransformer& encoder, const std::vector<int64_t>& ids) {
  const Tensor input =
      Tensor::from(std::span<const int64_t>(ids), {1, static_cast<int64_t>(ids.size())});
  return encoder.model()({{"input_ids", input}})["last_hidden_state"][0];
}

/// Weighted sum of rows / divisor, in double.
std::vector<double> pooled(const Tensor& hidden, const std::vector<double>& weights,
                           double divisor) {
  std::vector<double> out(static_cast<size_t>(hidden.dim(1)));
  for (int64_t i = 0; i < hidden.dim(0); ++i) {
    for (size_t j = 0; j < out.size(); ++j) {
      out[j] += weights[static_cast<size_t>(i)] * double{hidden[i].data<float>()[j]} / divisor;
    }
  }
  return out;
}

std::vector<double> unit(std::vector<double> v) {
  double norm = 0;
  for (const double x : v) norm += x * x;
  for (double& x : v) x /= std::sqrt(norm);
  return v;
}

void check_near(const Tensor& row, const std::vector<double>& expected) {
  REQUIRE(row.numel() == static_cast<int64_t>(expected.size()));
  double largest = 1, worst = 0;
  for (const double x : expected) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(double{row.data<float>()[i]} - expected[i]));
  CHECK(worst <= 1e-5 * largest);  // f32 sums of at most 50 values
}

template <class Call>
ErrorCode code_of(const Call& call) {
  return golden::error_of(call).first;
}

/// Texts of 0 to 30 words, some unknown.
std::vector<std::string> random_texts(size_t count) {
  golden::Rng rng{99};
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    for (int64_t words = rng.below(31); words > 0; --words) text += cat("w", rng.below(320), " ");
  }
  return texts;
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

TEST_CASE("texts are embedded by the encoder of a T5 repository") {
  Files f;
  const std::string folder = std::string(TERN_TEST_DATA) + "/seq2seq/t5/";
  for (const char* name : {"config.json", "model.safetensors"})
    f.files[name] = golden::read(folder + name);
  f.files["1_Pooling/config.json"] =
      R"({"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true})";
  const SentenceTransformer encoder = f.load();
  CHECK(encoder.model()->class_name() == "T5EncoderModel");
  const Tensor hidden = hidden_of(encoder, {2, 7, 9, 30, 3});
  check_near(encoder.encode({"w7 w9 w30"})[0], unit(pooled(hidden, {1, 1, 1, 1, 1}, 5)));
}

TEST_CASE("a text's vector has the same bits alone, in any batch, order and number of threads") {
  for (const char* quantize : {"", "int8", "int4"}) {
    const SentenceTransformer encoder = Files().load({.quantize = quantize});
    const std::vector<std::string> texts = random_texts(70);
    const Tensor together = encoder.encode(views(texts));
    for (size_t i = 0; i < texts.size(); ++i) {
      CHECK(golden::same_bits(encoder.encode({texts[i]})[0], together[static_cast<int64_t>(i)]));
    }
    for (const int threads : {1, 2, 4}) {
      ThreadPool pool(threads, true);
      Context ctx({.pool = &pool});
      for (const int batch_size : {1, 3, 64, 1000}) {
        CHECK(golden::same_bits(encoder.encode(ctx, views(texts), {.batch_size = batch_size}),
                                together));
      }
    }
  }
}

TEST_CASE("mean pooling and unit length are those of a plain forward call") {
  const SentenceTransformer encoder = Files().load();
  const Tensor hidden = hidden_of(encoder, {2, 7, 8, 299, 3});
  check_near(encoder.encode({"w7 w8 w299"})[0], unit(pooled(hidden, {1, 1, 1, 1, 1}, 5)));
  // An empty text is its special tokens.
  check_near(encoder.encode({""})[0], unit(pooled(hidden_of(encoder, {2, 3}), {1, 1}, 2)));
  CHECK(encoder.encode(std::span<const std::string_view>()).shape() == Shape({0, 48}));
}

TEST_CASE(
    "a text is cut to the smallest of the limits, special tokens kept, whatever tokenizer.json "
    "says") {
  Files files;
  std::string text;
  for (int i = 0; i < 100; ++i) text += cat("w", 100 + i, " ");
  const auto ids_cut_to = [](int64_t length) {
    std::vector<int64_t> ids = {2};
    for (int64_t i = 0; i < length - 2; ++i) ids.push_back(100 + i);
    ids.push_back(3);
    return ids;
  };
  const auto check_length = [&](int64_t length) {
    const SentenceTransformer encoder = files.load();
    CHECK(encoder.max_seq_length() == length);
    const Tensor hidden = hidden_of(encoder, ids_cut_to(length));
    const std::vector<double> ones(static_cast<size_t>(length), 1.0);
    check_near(encoder.encode({text})[0], unit(pooled(hidden, ones, static_cast<double>(length))));
  };
  check_length(48);  // sentence_bert_config.json
  files.files["sentence_bert_config.json"] = R"({"max_seq_length": 1000})";
  check_length(64);  // positions
  files.files["tokenizer_config.json"] =
      R"({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 10})";
  check_length(10);  // the tokenizer
  files.files.erase("sentence_bert_config.json");
  check_length(10);
}

TEST_CASE("every pooling mode is its formula, and several are concatenated") {
  const std::vector<int64_t> ids = {2, 7, 8, 3};
  const auto run = [&](const std::string& config, int64_t dimension) {
    Files files;
    files.set_modules(kTransformer + "," + kPooling);
    files.files["1_Pooling/config.json"] = config;
    const SentenceTransformer encoder = files.load();
    CHECK(encoder.dimension() == dimension);
    return encoder.encode({"w7 w8"}).clone();
  };
  const auto only = [&](const std::string& flag) {
    return run(R"({"word_embedding_dimension": 48, "pooling_mode_mean_tokens": false, ")" + flag +
                   R"(": true})",
               48);
  };
  const Tensor hidden = hidden_of(Files().load(), ids);
  check_near(only("pooling_mode_cls_token")[0], pooled(hidden, {1, 0, 0, 0}, 1));
  check_near(only("pooling_mode_mean_tokens")[0], pooled(hidden, {1, 1, 1, 1}, 4));
  check_near(only("pooling_mode_mean_sqrt_len_tokens")[0], pooled(hidden, {1, 1, 1, 1}, 2));
  check_near(only("pooling_mode_weightedmean_tokens")[0], pooled(hidden, {1, 2, 3, 4}, 10));
  check_near(only("pooling_mode_lasttoken")[0], pooled(hidden, {0, 0, 0, 1}, 1));
  check_near(run(R"({"pooling_mode": "cls"})", 48)[0], pooled(hidden, {1, 0, 0, 0}, 1));

  const Tensor both =
      run(R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})", 96);
  check_near(both[0].slice(0, 0, 48), pooled(hidden, {1, 0, 0, 0}, 1));
  check_near(both[0].slice(0, 48, 96), pooled(hidden, {1, 1, 1, 1}, 4));

  const Tensor largest = only("pooling_mode_max_tokens");
  for (int64_t j = 0; j < 48; ++j) {
    float most = hidden[0].data<float>()[j];
    for (int64_t i = 1; i < 4; ++i) most = std::max(most, hidden[i].data<float>()[j]);
    CHECK(largest[0].data<float>()[j] == most);
  }
}

TEST_CASE("a prompt goes before each text and is left out of pooling when the folder says so") {
  Files files;
  files.files["config_sentence_transformers.json"] =
      R"({"prompts": {"query": "w100 w101 ", "document": ""}, "default_prompt_name": null})";
  const SentenceTransformer encoder = files.load();
  const Tensor hidden = hidden_of(encoder, {2, 100, 101, 7, 3});
  check_near(encoder.encode({"w7"}, {.prompt_name = "query"})[0],
             unit(pooled(hidden, {1, 1, 1, 1, 1}, 5)));
  CHECK(golden::same_bits(encoder.encode({"w7"}, {.prompt_name = "document"}),
                          encoder.encode({"w7"})));
  CHECK(code_of([&] { encoder.encode({"w7"}, {.prompt_name = "title"}); }) ==
        ErrorCode::invalid_argument);
  CHECK(encoder.prompt_names() == std::vector<std::string>{"query", "document"});

  files.files["1_Pooling/config.json"] =
      R"({"word_embedding_dimension": 48, "include_prompt": false})";
  check_near(files.load().encode({"w7"}, {.prompt_name = "query"})[0],
             unit(pooled(hidden, {0, 0, 0, 1, 1}, 2)));

  files.files["config_sentence_transformers.json"] =
      R"({"prompts": {"query": "w100 w101 "}, "default_prompt_name": "query"})";
  check_near(files.load().encode({"w7"})[0], unit(pooled(hidden, {0, 0, 0, 1, 1}, 2)));
}

TEST_CASE("do_lower_case lowers the whole text, also beyond ASCII") {
  Files files;
  const SentenceTransformer plain = files.load();
  files.files["sentence_bert_config.json"] = R"({"max_seq_length": 48, "do_lower_case": true})";
  const SentenceTransformer lowering = files.load();
  CHECK(golden::same_bits(lowering.encode({"W7 WÖRTER"}), plain.encode({"w7 wörter"})));
  CHECK_FALSE(golden::same_bits(plain.encode({"W7 WÖRTER"}), plain.encode({"w7 wörter"})));
}

TEST_CASE("Dense and LayerNorm modules follow pooling with their own weights") {
  Files files;
  files.set_modules(
      kTransformer + "," + kPooling +
      R"(,{"path": "2_Dense", "type": "sentence_transformers.models.Dense"})"
      R"(,{"path": "3_LayerNorm", "type": "sentence_transformers.models.LayerNorm"})");
  files.files["2_Dense/config.json"] =
      R"({"in_features": 48, "out_features": 2, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"})";
  files.files["3_LayerNorm/config.json"] = R"({"dimension": 2})";
  std::vector<float> weight(96, 0.0F);
  weight[3] = 0.5F;        // row 0 reads feature 3
  weight[48 + 7] = -1.0F;  // row 1 reads feature 7
  const std::vector<float> bias = {0.25F, 0.0F}, scale = {2.0F, 3.0F}, shift = {0.0F, 1.0F};
  const std::string folder = golden::scratch_folder("dense");
  const auto bytes = [](const std::vector<float>& v) {
    return Bytes{reinterpret_cast<const std::byte*>(v.data()), v.size() * 4};
  };
  hub::write_safetensors(folder + "/dense", {{"linear.weight", DType::f32, {2, 48}, bytes(weight)},
                                             {"linear.bias", DType::f32, {2}, bytes(bias)}});
  hub::write_safetensors(folder + "/norm", {{"norm.weight", DType::f32, {2}, bytes(scale)},
                                            {"norm.bias", DType::f32, {2}, bytes(shift)}});
  files.files["2_Dense/model.safetensors"] = golden::read(folder + "/dense");
  files.files["3_LayerNorm/model.safetensors"] = golden::read(folder + "/norm");
  const SentenceTransformer encoder = files.load();
  CHECK(encoder.dimension() == 2);
  const std::vector<double> mean = pooled(hidden_of(encoder, {2, 7, 3}), {1, 1, 1}, 3);
  const double a = std::tanh(0.5 * mean[3] + 0.25), b = std::tanh(-mean[7]);
  const double half = (a - b) / 2, deviation = std::sqrt(half * half + 1e-5);
  check_near(encoder.encode({"w7"})[0], {2 * half / deviation, -3 * half / deviation + 1});

  files.files.erase("2_Dense/model.safetensors");
  CHECK(code_of([&] { files.load(); }) == ErrorCode::not_found);
  files.files["2_Dense/model.safetensors"] = golden::read(folder + "/norm");
  CHECK(code_of([&] { files.load(); }) == ErrorCode::corrupt);
  files.files["2_Dense/config.json"] = R"({"in_features": 47, "out_features": 2})";
  CHECK(code_of([&] { files.load(); }) == ErrorCode::invalid_argument);
}

TEST_CASE(
    "the transformer may lie in a folder of its own, and without modules.json pooling is the "
    "mean") {
  Files files, moved, bare;
  const Tensor expected = files.load().encode({"w7 w8"});
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json",
                           "tokenizer_config.json", "sentence_bert_config.json"}) {
    moved.files["0_Transformer/" + std::string(name)] = moved.files[name];
    moved.files.erase(name);
  }
  const size_t at = moved.files["modules.json"].find("\"path\": \"\"");
  moved.files["modules.json"].replace(at, 10, "\"path\": \"0_Transformer\"");
  CHECK(golden::same_bits(moved.load().encode({"w7 w8"}), expected));

  bare.files.erase("modules.json");
  CHECK_FALSE(golden::same_bits(bare.load().encode({"w7 w8"}), expected));
  CHECK(golden::same_bits(bare.load().encode({"w7 w8"}, {.normalize = true}), expected));
}

TEST_CASE("pipelines that are not understood are refused, never half run") {
  Files files;
  const auto code = [&](const std::string& modules) {
    files.set_modules(modules);
    return code_of([&] { files.load(); });
  };
  CHECK(code(kTransformer + "," + kPooling +
             R"(,{"path": "2_X", "type": "sentence_transformers.models.LSTM"})") ==
        ErrorCode::unsupported);
  CHECK(code(kTransformer +
             R"(,{"path": "2_X", "type": "sentence_transformers.models.Normalize"})") ==
        ErrorCode::unsupported);
  CHECK(code(R"({"path": "", "type": "my_code.Transformer"})") == ErrorCode::unsupported);
  CHECK(code(kPooling) == ErrorCode::unsupported);
  CHECK(code(kTransformer + "," + kTransformer) == ErrorCode::unsupported);
  CHECK(code(R"({"path": "../../etc", "type": "sentence_transformers.models.Transformer"})") ==
        ErrorCode::denied);
  CHECK(code("") == ErrorCode::corrupt);
  CHECK(code("3") == ErrorCode::corrupt);
  files.set_modules(kTransformer + "," + kPooling);
  for (const char* pooling :
       {R"({"pooling_mode": "median"})", R"({"pooling_mode_mean_tokens": false})",
        R"({"word_embedding_dimension": 49})", R"({"pooling_mode_mean_tokens": 1})"}) {
    CAPTURE(pooling);
    files.files["1_Pooling/config.json"] = pooling;
    const ErrorCode found = code_of([&] { files.load(); });
    CHECK((found == ErrorCode::unsupported || found == ErrorCode::invalid_argument));
  }
}

TEST_CASE("several threads encode with one SentenceTransformer, and a call can be cancelled") {
  const SentenceTransformer encoder = Files().load();
  const std::vector<std::string> texts = random_texts(40);
  const Tensor expected = encoder.encode(views(texts));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i)
        wrong += golden::same_bits(encoder.encode(views(texts)), expected) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);

  const std::atomic<bool> stop{true};
  Context cancelled({.cancel = &stop});
  CHECK(code_of([&] { encoder.encode(cancelled, views(texts)); }) == ErrorCode::cancelled);
  CHECK(code_of([&] { encoder.encode(views(texts), {.batch_size = 0}); }) ==
        ErrorCode::invalid_argument);
}

TEST_CASE("progress counts texts up to their number") {
  std::mutex mutex;
  std::vector<uint64_t> seen;
  uint64_t total = 0;
  const SentenceTransformer encoder = Files().load();
  set_progress_callback([&](std::string_view stage, uint64_t done, uint64_t all) {
    const std::lock_guard lock(mutex);
    if (stage != "embed") return;
    seen.push_back(done);
    total = all;
  });
  const std::vector<std::string> texts = random_texts(20);
  encoder.encode(views(texts), {.batch_size = 8});
  set_progress_callback(nullptr);
  CHECK(seen == std::vector<uint64_t>{8, 16, 20});
  CHECK(total == 20);
}
