// SPDX-License-Identifier: Apache-2.0
// Loading: reports equal to Transformers' own, files that are missing or broken, tied and renamed
// tensors, dtypes.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../engine/base/log.h"
#include "../../hub/formats/safetensors.h"
#include "golden.h"

using namespace tern;

namespace {

std::vector<std::string> strings(const hub::Json& list) {
  std::vector<std::string> out;
  for (const hub::Json& element : list.elements()) out.emplace_back(*element.string());
  return out;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

/// As golden.json writes it: ['name', 'torch.Size([5])', 'torch.Size([3])'].
std::vector<std::string> in_python(const std::vector<LoadingReport::Mismatch>& mismatches) {
  std::vector<std::string> out;
  for (const auto& m : mismatches) {
    out.push_back("['" + m.name + "', 'torch.Size(" + m.found + ")', 'torch.Size(" + m.expected +
                  ")']");
  }
  return sorted(out);
}

void check_report(const LoadingReport& report, const hub::Json& expected) {
  CHECK(sorted(report.missing_keys) == sorted(strings(expected["missing_keys"])));
  CHECK(sorted(report.unexpected_keys) == sorted(strings(expected["unexpected_keys"])));
  CHECK(in_python(report.mismatched_keys) == sorted(strings(expected["mismatched_keys"])));
  CHECK(to_string(report.dtype) == *expected["loaded_dtype"].string());
}

/// Outputs that Transformers found equal to the reference's; how many were compared.
int check_outputs(const PretrainedModel& model, const hub::Json& expected,
                  const std::map<std::string, Tensor>& data) {
  const std::string prefix = "case/" + std::string(*expected["reference"].string());
  NamedTensors inputs;
  for (const auto& [name, tensor] : data) {
    if (name.starts_with(prefix + "/in/")) inputs.set(name.substr(prefix.size() + 4), tensor);
  }
  const NamedTensors outputs = model(inputs);
  int compared = 0;
  for (const auto& member : expected["max_diff_to_reference"].members()) {
    const std::string name(member.first);  // clang 14 captures no structured binding
    const hub::Json& difference = member.second;
    const Tensor& got = outputs.contains(name) ? outputs.get(name) : outputs.get("logits");
    const bool ours = outputs.contains(name) || name == "prediction_logits";
    if (!ours || !got || *difference.number() > 1e-5) continue;
    CAPTURE(name);
    CHECK(golden::error(got, data.at(prefix + "/out/" + name)) <= 3e-5);
    ++compared;
  }
  return compared;
}

/// Whether there is a class for this task and folder.
/// What an Error of ours says where Transformers raises one.
struct Refusal {
  const char* folder;
  ErrorCode code;
  const char* message;
};
constexpr Refusal kRefusals[] = {
    {"bert-mismatched-head", ErrorCode::invalid_argument,
     "classifier.weight: [5, 32] in the file, [3, 32] by the config"},
    {"bert-tf", ErrorCode::not_found, "from_tf = true loads them"},
    {"bert-flax", ErrorCode::not_found, "from_flax = true loads them"},
    {"llama-flax", ErrorCode::not_found, "from_flax = true loads them"},
    {"llama-bin-forbidden", ErrorCode::denied, "'posix.getcwd'"},
    {"llama-variant", ErrorCode::not_found, "model.fp16.safetensors"},
    {"llama-mismatched", ErrorCode::invalid_argument, "[80, 32] in the file, [87, 32]"},
    {"llama-missing-shard", ErrorCode::not_found, "model-00003-of-00004.safetensors"},
    {"llama-truncated", ErrorCode::corrupt, "an incomplete download?"},
    {"llama-no-weights", ErrorCode::not_found, "there is: config.json"},
};

template <class Call>
void check_refusal(const std::string& folder, const Call& call) {
  const auto known = std::find_if(std::begin(kRefusals), std::end(kRefusals),
                                  [&](const Refusal& r) { return r.folder == folder; });
  REQUIRE(known != std::end(kRefusals));
  const auto [code, message] = golden::error_of(call);
  CHECK(code == known->code);
  CHECK(message.find(known->message) != std::string::npos);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string kTree = std::string(TERN_TEST_DATA) + "/golden/bert";

/// The tree's BERT as tensors that a test may change, and a repository of what it made of them.
struct EditableBert {
  std::map<std::string, Tensor> tensors = golden::tensors(kTree + "/model.safetensors");
  std::string config = golden::read(kTree + "/config.json");
  std::string folder;

  explicit EditableBert(const std::string& name) : folder(golden::scratch_folder(name)) {}

  void write(const std::string& file, const std::function<bool(const std::string&)>& wanted) const {
    std::vector<hub::TensorToWrite> list;
    for (const auto& [name, t] : tensors) {
      const std::vector<int64_t> shape(t.shape().dims().begin(), t.shape().dims().end());
      if (wanted(name)) list.push_back({name, t.dtype(), shape, {t.raw(), t.bytes()}});
    }
    hub::write_safetensors(folder + "/" + file, list);
  }
  hub::Repo repo() const {
    golden::write(folder + "/config.json", config);
    write("model.safetensors", [](const std::string&) { return true; });
    return hub::Repo::open(folder);
  }
};

Tensor last_hidden_state(const PretrainedModel& model) {
  const std::vector<int64_t> ids = {2, 17, 99, 3};
  return model(
      {{"input_ids", Tensor::from(std::span<const int64_t>(ids), {1, 4})}})["last_hidden_state"];
}

}  // namespace

TEST_CASE(
    "loading reports and outputs are Transformers' for every folder of a known architecture") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const auto data = golden::tensors(golden::root() + "/loading/golden.safetensors");
  int loaded = 0, refused = 0, unknown = 0, compared = 0;
  for (const golden::Load& load : golden::loads()) {
    INFO(load.folder, " as ", load.task, " ", load.expected["kwargs"].dump());
    if (!golden::has_class(load.task, load.repo)) {
      ++unknown;
      continue;
    }
    if (!*load.expected["ok"].boolean()) {
      check_refusal(load.folder, [&] { load_model(load.task, load.repo, load.options); });
      ++refused;
      continue;
    }
    const PretrainedModel model = load_model(load.task, load.repo, load.options);
    check_report(model->loading_report(), load.expected);
    compared += check_outputs(model, load.expected, data);
    ++loaded;
  }
  MESSAGE(loaded << " loaded, " << refused << " refused, " << unknown
                 << " of classes not there yet, " << compared << " outputs compared");
  CHECK(loaded >= 54);
  CHECK(refused >= 10);
  CHECK(unknown <= 2);
  CHECK(compared >= 42);
}

TEST_CASE("a folder with a config only says that there are no weights") {
  const std::string folder = golden::scratch_folder("no-weights");
  golden::write(folder + "/config.json", golden::read(kTree + "/config.json"));
  const auto [code, message] =
      golden::error_of([&] { load_model("AutoModel", hub::Repo::open(folder)); });
  CHECK(code == ErrorCode::not_found);
  CHECK(contains(message, "model.safetensors"));
}

TEST_CASE("a weight file cut anywhere is corrupt, never a crash") {
  const std::string whole = golden::read(kTree + "/model.safetensors");
  const StorageRef config = golden::storage_of(golden::read(kTree + "/config.json"));
  for (const size_t size :
       {size_t{0}, size_t{4}, size_t{8}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(size);
    const hub::Repo repo =
        hub::Repo::from_memory({{"config.json", config},
                                {"model.safetensors", golden::storage_of(whole.substr(0, size))}});
    CHECK(golden::error_of([&] { load_model("AutoModel", repo); }).first == ErrorCode::corrupt);
  }
}

TEST_CASE("a model loaded from bytes in memory equals the one from its folder") {
  const hub::Repo repo = hub::Repo::from_memory(
      {{"config.json", golden::storage_of(golden::read(kTree + "/config.json"))},
       {"model.safetensors", golden::storage_of(golden::read(kTree + "/model.safetensors"))}});
  CHECK(golden::same_bits(last_hidden_state(load_model("AutoModel", repo)),
                          last_hidden_state(AutoModel::from_pretrained(kTree))));
}

TEST_CASE("a checkpoint in two shards loads like one file, and a missing shard is named") {
  EditableBert c("shards");
  golden::write(c.folder + "/config.json", c.config);
  std::string index = R"({"metadata": {"total_size": 1}, "weight_map": {)";
  const auto first = [](const std::string& name) { return name.starts_with("embeddings"); };
  for (const auto& [name, tensor] : c.tensors) {
    if (index.back() != '{') index += ",";
    index +=
        "\"" + name + "\": \"model-0000" + (first(name) ? "1" : "2") + "-of-00002.safetensors\"";
  }
  golden::write(c.folder + "/model.safetensors.index.json", index + "}}");
  c.write("model-00001-of-00002.safetensors", first);
  const auto load = [&] { return load_model("AutoModel", hub::Repo::open(c.folder)); };
  const auto [code, message] = golden::error_of(load);
  CHECK(code == ErrorCode::not_found);
  CHECK(contains(message, "model-00002-of-00002.safetensors"));

  c.write("model-00002-of-00002.safetensors",
          [&](const std::string& name) { return !first(name); });
  const PretrainedModel model = load();
  CHECK(model->loading_report().clean());
  CHECK(model->loading_report().files.size() == 2);
  CHECK(golden::same_bits(last_hidden_state(model),
                          last_hidden_state(AutoModel::from_pretrained(kTree))));
}

TEST_CASE(
    "a missing tensor is initialised the same way every time and reported with its nearest match") {
  EditableBert c("missing");
  c.tensors["encoder.layer.1.attention.self.qwery.weight"] =
      c.tensors["encoder.layer.1.attention.self.query.weight"];
  c.tensors.erase("encoder.layer.1.attention.self.query.weight");
  c.tensors.erase("encoder.layer.0.output.LayerNorm.weight");
  const PretrainedModel one = load_model("AutoModel", c.repo()),
                        two = load_model("AutoModel", c.repo());
  const LoadingReport& report = one->loading_report();
  CHECK(report.missing_keys ==
        std::vector<std::string>{"encoder.layer.0.output.LayerNorm.weight",
                                 "encoder.layer.1.attention.self.query.weight"});
  CHECK(report.unexpected_keys ==
        std::vector<std::string>{"encoder.layer.1.attention.self.qwery.weight"});
  CHECK(contains(report.text("BertModel", "here"),
                 "the file has 'encoder.layer.1.attention.self.qwery.weight'"));
  const Tensor hidden = last_hidden_state(one);
  CHECK(golden::same_bits(hidden, last_hidden_state(two)));
  CHECK(golden::error(hidden, hidden) == 0);  // finite
}

TEST_CASE("a decoder's weight serves as the word embeddings when only it is stored") {
  EditableBert c("tied");
  const Tensor words = c.tensors["embeddings.word_embeddings.weight"];
  std::map<std::string, Tensor> renamed;
  for (const auto& [name, tensor] : c.tensors) renamed["bert." + name] = tensor;
  c.tensors = renamed;
  const NamedTensors inputs{
      {"input_ids", Tensor::from(std::span<const int64_t>({2, 17, 99, 3}), {1, 4})}};
  const NamedTensors expected = load_model("AutoModelForMaskedLM", c.repo())(inputs);

  c.tensors.erase("bert.embeddings.word_embeddings.weight");
  c.tensors["cls.predictions.decoder.weight"] = words;
  const PretrainedModel model = load_model("AutoModelForMaskedLM", c.repo());
  CHECK(golden::same_bits(model(inputs)["logits"], expected["logits"]));
  for (const std::string& key : model->loading_report().missing_keys)
    CHECK(!contains(key, "word_embeddings"));

  // Stored with other values: each keeps its own.
  c.tensors["bert.embeddings.word_embeddings.weight"] = words;
  Tensor other = words.clone();
  other.data<float>()[5] += 1.0F;
  c.tensors["cls.predictions.decoder.weight"] = other;
  const PretrainedModel untied = load_model("AutoModelForMaskedLM", c.repo());
  CHECK_FALSE(golden::same_bits(untied(inputs)["logits"], expected["logits"]));
}

TEST_CASE("half and double precision files run, and report their own dtype") {
  EditableBert c("dtypes");
  c.config = golden::read(kTree + "/config.json");
  const size_t at = c.config.find("\"dtype\"");
  c.config.erase(at, c.config.find(',', at) - at + 1);
  const Tensor expected = last_hidden_state(AutoModel::from_pretrained(kTree));
  const auto original = c.tensors;
  for (const DType dtype : {DType::f64, DType::f16, DType::bf16}) {
    for (const auto& [name, tensor] : original) {
      if (dtype == DType::f64) {
        Tensor wide = Tensor::empty(DType::f64, tensor.shape());
        for (int64_t i = 0; i < tensor.numel(); ++i)
          wide.data<double>()[i] = double{tensor.data<float>()[i]};
        c.tensors[name] = wide;
      } else {
        c.tensors[name] = convert(thread_context(), tensor, dtype).clone();
      }
    }
    const PretrainedModel model = load_model("AutoModel", c.repo());
    CHECK(model->loading_report().dtype == dtype);
    const double error = golden::relative_l2(last_hidden_state(model), expected);
    CAPTURE(error);
    // Rounding of the stored weights: 2^-11 and 2^-8 relative, through two layers.
    CHECK(error <= (dtype == DType::f64 ? 1e-7 : dtype == DType::f16 ? 4e-3 : 3e-2));
    const PretrainedModel single = load_model("AutoModel", c.repo(), {.dtype = "float32"});
    CHECK(single->loading_report().dtype == DType::f32);
  }
}

TEST_CASE("loading reports its progress in bytes, up to the size of the weights") {
  uint64_t last = 0, total = 0;
  bool rising = true;
  set_progress_callback([&](std::string_view stage, uint64_t done, uint64_t all) {
    if (stage != "load") return;
    rising = rising && done >= last;
    last = done;
    total = all;
  });
  AutoModel::from_pretrained(kTree);
  set_progress_callback(nullptr);
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : golden::tensors(kTree + "/model.safetensors"))
    bytes += tensor.bytes();
  CHECK(rising);
  CHECK(last == bytes);
  CHECK(total == bytes);
}

TEST_CASE("a tensor of integers where weights belong is refused by name") {
  EditableBert c("integers");
  c.tensors["pooler.dense.bias"] =
      Tensor::empty(DType::i32, c.tensors["pooler.dense.bias"].shape());
  const auto [code, message] = golden::error_of([&] { load_model("AutoModel", c.repo()); });
  CHECK(code == ErrorCode::unsupported);
  CHECK(contains(message, "pooler.dense.bias"));
}
