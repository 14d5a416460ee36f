// SPDX-License-Identifier: Apache-2.0
// Weights of Flax and TensorFlow: names and axes become PyTorch's, and the golden folders, which
// Transformers 5 no longer reads, load exactly.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../hub/formats/hdf5.h"
#include "../../models/foreign_names.h"
#include "../../models/weights.h"
#include "../hub/formats/msgpack_bytes.h"
#include "golden.h"

using namespace tern;
namespace mp = tern::test::packed;

namespace {

struct NameCase {
  const char* stored;
  size_t rank;
  const char* name;
  AxisOrder order = AxisOrder::same;
};

template <class Rule>
void check_names(std::span<const NameCase> cases, Rule rule) {
  for (const NameCase& c : cases) {
    CAPTURE(std::string(c.stored));
    const ForeignName got = rule(c.stored, c.rank);
    CHECK(got.name == c.name);
    CHECK(got.order == c.order);
  }
}

/// A golden folder and how its weights are asked for; the same weights as safetensors.
struct Folder {
  const char* name;
  const char* twin;
  const char* task;
  LoadOptions options;
};

const Folder kFlaxFolders[] = {
    {"bert-flax", "bert-safetensors", "AutoModelForPreTraining", {.from_flax = true}},
    {"bert-flax", "bert-safetensors", "AutoModel", {.from_flax = true}},
    {"llama-flax", "llama-safetensors", "AutoModelForCausalLM", {.from_flax = true}},
};

const Folder kTensorFlowFolders[] = {
    {"bert-tf", "bert-safetensors", "AutoModelForPreTraining", {.from_tf = true}},
    {"bert-tf", "bert-safetensors", "AutoModel", {.from_tf = true}},
};

NamedTensors inputs_of(const std::string& reference) {
  NamedTensors inputs;
  const std::string prefix = "case/" + reference + "/in/";
  for (const auto& [name, tensor] :
       golden::tensors(golden::root() + "/loading/golden.safetensors")) {
    if (name.starts_with(prefix)) inputs.set(name.substr(prefix.size()), tensor);
  }
  return inputs;
}

void check_as_safetensors(const Folder& folder) {
  CAPTURE(std::string(folder.name));
  const std::string loading = golden::root() + "/loading/";
  const auto load = [&](const char* name, const LoadOptions& options) {
    return load_model(folder.task, hub::Repo::open(loading + name), options);
  };
  const PretrainedModel got = load(folder.name, folder.options), expected = load(folder.twin, {});
  CHECK(got->loading_report().missing_keys == expected->loading_report().missing_keys);
  CHECK(got->loading_report().mismatched_keys.empty());
  CHECK(got->loading_report().unexpected_keys == expected->loading_report().unexpected_keys);
  const std::string_view twin = folder.twin;
  const NamedTensors inputs = inputs_of(std::string(twin.substr(0, twin.find('-'))));
  REQUIRE(inputs.entries().size() > 0);
  const NamedTensors outputs = got(inputs), same = expected(inputs);
  for (const auto& [name, tensor] : same.entries()) {
    const std::string output = name;
    CAPTURE(output);
    CHECK(golden::same_bits(outputs.get(output), tensor));
  }
}

template <size_t N>
void check_folders(const Folder (&folders)[N]) {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const Folder& folder : folders) check_as_safetensors(folder);
}

hub::Repo memory(std::map<std::string, std::string> files) {
  std::map<std::string, StorageRef> stored;
  for (const auto& [name, bytes] : files) stored[name] = golden::storage_of(bytes);
  return hub::Repo::from_memory(std::move(stored));
}

}  // namespace

TEST_CASE("Flax names become PyTorch's, and kernels turn") {
  const NameCase cases[] = {
      {"bert.pooler.dense.kernel", 2, "bert.pooler.dense.weight", AxisOrder::reversed},
      {"conv.kernel", 3, "conv.weight", AxisOrder::reversed},
      {"conv.kernel", 4, "conv.weight", AxisOrder::image},
      {"kernel", 2, "weight", AxisOrder::reversed},
      {"bert.LayerNorm.scale", 1, "bert.LayerNorm.weight"},
      {"wte.embedding", 2, "wte.weight"},
      {"bn.mean", 1, "bn.running_mean"},
      {"bn.var", 1, "bn.running_var"},
      {"layers.0.input_layernorm.weight", 1, "layers.0.input_layernorm.weight"},
      {"a.kernel_size", 2, "a.kernel_size"},
      {"scale.bias", 1, "scale.bias"}};
  check_names(cases, name_from_flax);
}

TEST_CASE("TensorFlow's names become PyTorch's, and kernels turn") {
  const NameCase cases[] = {
      {"tf_bert/bert/encoder/layer_._0/output/dense/kernel:0", 2,
       "bert.encoder.layer.0.output.dense.weight", AxisOrder::reversed},
      {"tf_bert/mlm___cls/predictions/bias:0", 1, "cls.predictions.bias"},
      {"tf_bert/mlm___cls/nsp___cls/bias:0", 1, "cls.nsp___cls.bias"},
      {"a___b/c/bias___d:0", 1, "c.bias___d"},
      {"tf_bert/bert//embeddings/LayerNorm/gamma:0", 1, "bert.embeddings.LayerNorm.weight"},
      {"tf_bert/LayerNorm/beta:0", 1, "LayerNorm.bias"},
      {"tf_bert/position_embeddings/embeddings:0", 2, "position_embeddings.weight"},
      {"tf_gpt2/transformer/h_._11/attn/c_attn/weight:0", 2, "transformer.h.11.attn.c_attn.weight"},
      {"tf/conv/kernel:0", 4, "conv.weight", AxisOrder::image},
      {"tf/conv/kernel:0", 3, "conv.weight", AxisOrder::reversed},
      {"tf/sep/depthwise_kernel:0", 3, "sep.depthwise.weight", AxisOrder::reversed},
      {"tf/sep/depthwise_kernel:0", 4, "sep.depthwise.weight", AxisOrder::depthwise},
      {"tf/sep/pointwise_kernel:0", 3, "sep.pointwise.weight", AxisOrder::reversed},
      {"tf/bn/moving_mean:0", 1, "bn.running_mean"},
      {"tf/bn/moving_variance:0", 1, "bn.running_var"},
      {"tf/crit/out_projs_._0:0", 2, "crit.out_projs.0", AxisOrder::reversed},
      {"final_logits_bias:0", 2, "final_logits_bias"},
      {"model.shared/model.shared/weight:0", 2, "model.shared.weight"},
      {":0", 1, ":0"}};
  check_names(cases, name_from_tensorflow);
}

TEST_CASE("axes turn as the layers of each library keep them") {
  std::vector<int64_t> values(120);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i);
  const Tensor image = Tensor::from(std::span<const int64_t>(values), {2, 3, 4, 5});
  const auto check = [](const Tensor& got, const Shape& shape, const auto& index) {
    REQUIRE(got.shape() == shape);
    const Tensor dense = got.clone();
    int64_t at = 0;
    for (int64_t a = 0; a < shape[0]; ++a)
      for (int64_t b = 0; b < shape[1]; ++b)
        for (int64_t c = 0; c < shape[2]; ++c)
          for (int64_t d = 0; d < shape[3]; ++d) {
            const auto [h, w, i, o] = index(a, b, c, d);
            CHECK(dense.data<int64_t>()[at++] == ((h * 3 + w) * 4 + i) * 5 + o);
          }
  };
  using Index = std::array<int64_t, 4>;
  check(with_axes(image, AxisOrder::image), {5, 4, 2, 3}, [](auto o, auto i, auto h, auto w) {
    return Index{h, w, i, o};
  });
  check(with_axes(image, AxisOrder::depthwise), {4, 5, 2, 3}, [](auto i, auto o, auto h, auto w) {
    return Index{h, w, i, o};
  });
  check(with_axes(image, AxisOrder::reversed), {5, 4, 3, 2}, [](auto o, auto i, auto w, auto h) {
    return Index{h, w, i, o};
  });
  CHECK(with_axes(image, AxisOrder::same).dense());
  CHECK(with_axes(image[0][0], AxisOrder::reversed).raw() == image.raw());
}

TEST_CASE("the golden Flax folders give the bits that safetensors give") {
  check_folders(kFlaxFolders);
}

TEST_CASE("Flax weights load from shards, with collections, and only when they are asked for") {
  const std::string ones(16, '\1');
  const std::string first =
      mp::map({{"params", mp::map({{"a", mp::map({{"kernel", mp::array({2, 2}, ones)}})},
                                   {"n", mp::map({{"scale", mp::array({8}, ones + ones)}})}})}});
  const std::string second =
      mp::map({{"params", mp::map({{"n", mp::map({{"scale", mp::array({4}, ones)}})}})},
               {"batch_stats", mp::map({{"n", mp::map({{"mean", mp::array({4}, ones)}})}})}});
  const hub::Repo repo =
      memory({{"flax_model.msgpack.index.json",
               R"({"weight_map": {"params/a/kernel": "flax_model-00001-of-00002.msgpack",
            "params/n/scale": "flax_model-00002-of-00002.msgpack"}})"},
              {"flax_model-00001-of-00002.msgpack", first},
              {"flax_model-00002-of-00002.msgpack", second}});
  const Checkpoint checkpoint = Checkpoint::open(repo, {.from_flax = true});
  std::vector<std::string> names;
  for (const auto& entry : checkpoint.entries()) names.push_back(entry.name);
  // The first shard's n.scale is not where the index says it is.
  CHECK(names == std::vector<std::string>{"a.weight", "n.weight", "n.running_mean"});
  CHECK_FALSE(checkpoint.entries()[0].tensor.dense());
  CHECK(checkpoint.bytes() == 48);

  const auto [code, message] = golden::error_of([&] { Checkpoint::open(repo, {}); });
  CHECK(code == ErrorCode::not_found);
  CHECK(message.find("from_flax = true loads them") != std::string::npos);
}

TEST_CASE("from_flax takes what else there is when there are no Flax weights, and both before it") {
  const std::string empty = std::string("\x02\0\0\0\0\0\0\0{}", 10);
  const std::string flax = mp::map({{"w", mp::array({1}, "aaaa")}});
  CHECK(Checkpoint::open(memory({{"model.safetensors", empty}}), {.from_flax = true}).files() ==
        std::vector<std::string>{"model.safetensors"});
  const hub::Repo both = memory({{"model.safetensors", empty}, {"flax_model.msgpack", flax}});
  CHECK(Checkpoint::open(both, {.from_flax = true}).files() ==
        std::vector<std::string>{"flax_model.msgpack"});
  CHECK(Checkpoint::open(both, {}).files() == std::vector<std::string>{"model.safetensors"});
}

TEST_CASE("the golden TensorFlow folder gives the bits that safetensors give") {
  if (!hub::reads_hdf5()) {
    const auto [code, message] = golden::error_of([&] {
      Checkpoint::open(memory({{"tf_model.h5", "\x89HDF\r\n\x1A\n"}}), {.from_tf = true});
    });
    CHECK(code == ErrorCode::unsupported);
    CHECK(message.find("-Dhdf5=enabled") != std::string::npos);
    return;
  }
  check_folders(kTensorFlowFolders);
}

TEST_CASE(
    "a TensorFlow weight of another shape serves when it has as many elements, others do not") {
  if (!hub::reads_hdf5()) return;
  const std::string folder = std::string(TERN_TEST_DATA) + "/formats/h5/";
  const hub::Repo repo =
      memory({{"tf_model.h5.index.json",
               R"({"weight_map": {"t/m/dense/kernel:0": "tf_model-00001-of-00002.h5",
            "final_logits_bias:0": "tf_model-00002-of-00002.h5"}})"},
              {"tf_model-00001-of-00002.h5", golden::read(folder + "keras.h5")},
              {"tf_model-00002-of-00002.h5", golden::read(folder + "shard.h5")}});
  const Checkpoint checkpoint = Checkpoint::open(repo, {.from_tf = true});
  CHECK(std::count_if(checkpoint.entries().begin(), checkpoint.entries().end(), [](const auto& e) {
          return e.name == "m.dense.weight";
        }) == 1);  // also in the second shard, where the index does not say it is
  const Weights weights(checkpoint, {.ignore_mismatched_sizes = true});
  const Tensor kernel = weights.take("m.dense.weight", {3, 2});
  const float turned[] = {1, 4, 2, 5, 3, 6};
  CHECK(std::equal(turned, turned + 6, kernel.data<float>()));
  const Tensor bias = weights.take("final_logits_bias", {2});  // stored as [2, 1]
  CHECK(bias.data<float>()[1] == 2.0F);
  weights.take("head.bias", {3});  // stored as [2]
  const LoadingReport report = weights.finish();
  REQUIRE(report.mismatched_keys.size() == 1);
  CHECK(report.mismatched_keys[0].name == "head.bias");
}
