// SPDX-License-Identifier: Apache-2.0
// verify: a good model, and every kind of fault it is there to find.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "../../hub/hash.h"
#include "../hub/formats/gguf_bytes.h"
#include "program.h"

using namespace tern::test;
using ::tern::hub::Json;
namespace fs = std::filesystem;

namespace {

const std::string kBert = std::string(TERN_TEST_DATA) + "/golden/bert";

/// The golden BERT as a snapshot of the hub's cache.
std::string make_snapshot(const TemporaryFolder& folder) {
  const std::string repo = folder / "cache/models--org--name";
  const std::string commit(40, 'c'), snapshot = repo + "/snapshots/" + commit;
  for (const std::string& part : {repo + "/blobs", repo + "/refs", snapshot}) {
    fs::create_directories(part);
  }
  folder.write("cache/models--org--name/refs/main", commit);
  for (const char* name : {"config.json", "model.safetensors"}) {
    const std::string content = read_file(kBert + "/" + name);
    const auto kind = std::string_view(name) == "config.json" ? ::tern::hub::HashKind::git_sha1
                                                              : ::tern::hub::HashKind::sha256;
    ::tern::hub::Hasher hasher(kind, content.size());
    hasher.update(::tern::as_bytes(content));
    const std::string hash = hasher.finish();
    folder.write("cache/models--org--name/blobs/" + hash, content);
    fs::create_symlink("../../blobs/" + hash, snapshot + "/" + name);
  }
  return snapshot;
}

Outcome verify(const std::string& model, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"verify", model});
  return run_tern(more, {.variables = {"HF_HUB_OFFLINE=1"}});
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

using Tensors = std::map<std::string, ::tern::hub::TensorToWrite>;

/// A folder with the golden BERT's tensors after `change`.
std::string changed_model(const TemporaryFolder& folder,
                          const std::function<void(Tensors&)>& change) {
  const auto file = ::tern::hub::open_safetensors(kBert + "/model.safetensors");
  Tensors tensors;
  for (const auto& entry : file.header.tensors) {
    tensors[entry.name] = {entry.name,
                           entry.dtype,
                           entry.shape,
                           {file.storage->data() + entry.begin, entry.end - entry.begin}};
  }
  change(tensors);
  std::vector<::tern::hub::TensorToWrite> list;
  for (auto& [name, tensor] : tensors) list.push_back(tensor);
  fs::create_directories(folder / "model");
  folder.write("model/config.json", read_file(kBert + "/config.json"));
  ::tern::hub::write_safetensors(folder / "model/model.safetensors", list);
  return folder / "model";
}

}  // namespace

TEST_CASE("verify finds nothing wrong with a good model and says what it holds") {
  const TemporaryFolder folder;
  make_snapshot(folder);
  const std::vector<std::string> cache = {"--cache-dir", folder / "cache"};
  const Outcome outcome = verify("org/name", cache);
  CAPTURE(outcome.out);
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "2: 2 have the hash that the hub gave, 0 are wrong, of 0 nothing"));
  CHECK(contains(outcome.out, "of float32: "));
  CHECK(contains(outcome.out, "all are finite"));
  CHECK(contains(outcome.out, "every tensor found its place"));
  CHECK(contains(outcome.out, "all is as it should be"));

  const Json json =
      Json::parse(verify("org/name", {"--json", "--cache-dir", folder / "cache"}).out, "answer");
  CHECK(json["ok"].boolean() == true);
  CHECK(json["files"].elements()[0]["state"].string() == "right");
  CHECK(json["problems"].elements().empty());
  CHECK(json["classes"]["BertModel"]["missing_keys"].elements().empty());
  CHECK(json["dtypes"]["float32"]["tensors"].integer() > 10);
}

TEST_CASE("verify finds a file of the cache whose content is not what its name says") {
  const TemporaryFolder folder;
  const std::string snapshot = make_snapshot(folder);
  const std::string path = fs::canonical(snapshot + "/model.safetensors");
  std::string content = read_file(path);
  content[content.size() - 1] ^= 1;
  folder.write("cache/models--org--name/blobs/" + path.substr(path.rfind('/') + 1), content);
  const Outcome outcome = verify("org/name", {"--cache-dir", folder / "cache"});
  CHECK(outcome.exit_code == 4);
  CHECK(contains(outcome.out, "1 are wrong"));
  CHECK(contains(outcome.out, "model.safetensors: its content has the hash "));
}

TEST_CASE("verify finds values that are no numbers, and names that the class misses") {
  const TemporaryFolder folder;
  std::string bytes;
  const std::string model = changed_model(folder, [&](Tensors& tensors) {
    auto& tensor = tensors.at("embeddings.word_embeddings.weight");
    bytes.assign(::tern::as_text(tensor.bytes));
    const uint32_t values[] = {0x7F800000u, 0xFF800001u, 0x7FC00000u};
    std::memcpy(bytes.data() + 40, values, sizeof values);
    tensor.bytes = ::tern::as_bytes(bytes);
    tensors.erase("encoder.layer.0.output.dense.bias");
    tensors["extra"] = {"extra", ::tern::DType::u8, {1}, ::tern::as_bytes(bytes).first(1)};
    tensors.at("extra").name = "extra";
  });
  const Outcome outcome = verify(model);
  CAPTURE(outcome.out);
  CHECK(outcome.exit_code == 4);
  CHECK(contains(outcome.out, "embeddings.word_embeddings.weight: 3 values are infinite or NaN"));
  CHECK(contains(outcome.out, "BertModel: no encoder.layer.0.output.dense.bias"));
  CHECK(contains(outcome.out, "unexpected: extra"));
  CHECK(contains(outcome.out, "1 of uint8: 1 values"));
  CHECK(outcome.err.empty());
  const Json json = Json::parse(verify(model, {"--json"}).out, "answer");
  CHECK(json["ok"].boolean() == false);
  CHECK(json["not_finite"]["embeddings.word_embeddings.weight"].integer() == 3);
  CHECK(json["problems"].elements().size() == 2);
}

TEST_CASE("verify looks at the classes it is asked for") {
  const Outcome outcome =
      verify(kBert, {"--class", "AutoModelForQuestionAnswering", "--class", "BertModel"});
  CHECK(outcome.exit_code == 4);
  CHECK(contains(outcome.out, "BertForQuestionAnswering: no qa_outputs.weight"));
  CHECK(contains(outcome.out, "every tensor found its place"));
}

TEST_CASE(
    "verify ends with the error of a class that is none of the model's, or 4 when more is wrong") {
  const Outcome other = verify(kBert, {"--class", "LlamaModel"});
  CAPTURE(other.out);
  CHECK(other.exit_code == 2);
  CHECK(contains(other.out, "LlamaModel"));
  const TemporaryFolder folder;
  const std::string model = changed_model(folder, [](Tensors&) {});
  CHECK(verify(model, {"--class", "LlamaModel"}).exit_code == 2);
  fs::create_symlink("nowhere", model + "/link");
  CHECK(verify(model, {"--class", "LlamaModel"}).exit_code == 4);
  fs::remove(model + "/model.safetensors");
  CHECK(verify(model).exit_code == 4);
}

TEST_CASE("verify names the files that it cannot read and looks at all the others") {
  const TemporaryFolder folder;
  const std::string snapshot = make_snapshot(folder);
  fs::create_symlink("../../blobs/" + std::string(40, 'd'), snapshot + "/vocab.txt");
  fs::create_symlink(kBert + "/config.json", snapshot + "/merges.txt");
  const Outcome outcome = verify("org/name", {"--json", "--cache-dir", folder / "cache"});
  CAPTURE(outcome.out);
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == 4);
  const Json json = Json::parse(outcome.out, "answer");
  std::map<std::string, std::string> states;
  for (const Json& file : json["files"].elements()) {
    states[std::string(*file["name"].string())] = *file["state"].string();
  }
  CHECK(states == std::map<std::string, std::string>{{"config.json", "right"},
                                                     {"merges.txt", "wrong"},
                                                     {"model.safetensors", "right"},
                                                     {"vocab.txt", "wrong"}});
  CHECK(contains(outcome.out, "vocab.txt: a link that leads nowhere"));
  CHECK(contains(outcome.out, "merges.txt: 'org/name': "));
  CHECK(json["classes"]["BertModel"]["missing_keys"].elements().empty());
}

TEST_CASE("verify looks at the scales of blocks") {
  constexpr uint32_t kU32 = 4, kF32 = 6, kText = 8, kQ8 = 8;
  GgufBytes file;
  file.entries = {entry("general.architecture", kText, gguf_string("llama"))};
  for (const auto& [key, value] :
       {std::pair("block_count", 1), std::pair("context_length", 16), std::pair("vocab_size", 4),
        std::pair("embedding_length", 32), std::pair("feed_forward_length", 32),
        std::pair("attention.head_count", 2)}) {
    file.entries.push_back(
        entry(std::string("llama.") + key, kU32, u32(static_cast<uint64_t>(value))));
  }
  file.entries.push_back(
      entry("llama.attention.layer_norm_rms_epsilon", kF32, u32(0x3727C5AC)));  // 1e-5
  file.tensors = {tensor_entry("token_embd.weight", {32, 4}, kQ8, 0)};
  file.data = 4 * 34;  // a row: a scale in 16 bits, 32 weights
  std::string bytes = file.made();
  const TemporaryFolder folder;
  const Outcome good = verify(folder.write("good.gguf", bytes));
  CAPTURE(good.out);
  CHECK(contains(good.out, "1: 0 have the hash that the hub gave, 0 are wrong, of 1 nothing"));
  CHECK(contains(good.out, "all are finite"));
  bytes.replace(bytes.size() - 34, 2, std::string("\0\x7C", 2));  // infinite
  const Outcome outcome = verify(folder.write("bad.gguf", bytes));
  CAPTURE(outcome.out);
  CHECK(outcome.exit_code == 4);
  CHECK(contains(outcome.out, "model.embed_tokens.weight: 32 values are infinite or NaN"));
}

TEST_CASE("verify and info look at the weights that the config names") {
  const TemporaryFolder folder;
  const std::string model = changed_model(folder, [](Tensors&) {});
  std::string config = read_file(model + "/config.json");
  config.insert(config.find('{') + 1, R"("transformers_weights": "own.safetensors",)");
  folder.write("model/config.json", config);
  fs::rename(model + "/model.safetensors", model + "/own.safetensors");
  const std::string byte("x");
  ::tern::hub::write_safetensors(model + "/model.safetensors",
                                 {{"other", ::tern::DType::u8, {1}, ::tern::as_bytes(byte)}});
  for (const char* verb : {"verify", "info"}) {
    const Outcome outcome = run_tern({verb, model});
    CAPTURE(outcome.out);
    CHECK(outcome.exit_code == 0);
    CHECK(contains(outcome.out, "float32"));
    CHECK(!contains(outcome.out, "uint8"));
  }
}

TEST_CASE("verify and info know prequantized weights, and info how they are packed and run") {
  const TemporaryFolder folder;
  const std::string zeros(1 << 16, '\0');
  const std::string model = changed_model(folder, [&](Tensors& tensors) {
    const std::string name = "encoder.layer.0.attention.output.dense.";
    const std::vector<int64_t> sizes = tensors.at(name + "weight").shape;
    tensors.erase(name + "weight");
    const auto add = [&](const char* part, ::tern::DType type, std::vector<int64_t> shape) {
      const auto count = static_cast<size_t>(shape[0] * shape[1]);
      tensors[name + part] = {name + part, type, shape,
                              ::tern::as_bytes(zeros).first(count * ::tern::bits(type) / 8)};
    };
    add("qweight", ::tern::DType::i32, {sizes[1], sizes[0] / 8});
    add("qzeros", ::tern::DType::i32, {sizes[1] / 32, sizes[0] / 8});
    add("scales", ::tern::DType::f16, {sizes[1] / 32, sizes[0]});
  });
  std::string config = read_file(model + "/config.json");
  config.insert(config.find('{') + 1,
                R"("quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32},)");
  folder.write("model/config.json", config);
  CHECK(verify(model).exit_code == 0);
  const Outcome plain = run_tern({"info", kBert, "--json"});
  const Outcome packed = run_tern({"info", model, "--json"});
  CAPTURE(packed.out);
  CHECK(packed.exit_code == 0);
  const Json json = Json::parse(packed.out, "info");
  CHECK(json["quantization"].string() == "awq, 4 bits, groups of 32");
  CHECK(json["quantize"].string() == "int4_g32_zp");
  CHECK(json["activations"].string() == "int8");
  CHECK(json["parameters"].integer() == Json::parse(plain.out, "info")["parameters"].integer());
}

TEST_CASE("verify finds an index that does not tell the truth about its shards") {
  const TemporaryFolder folder;
  const std::string model = changed_model(folder, [](Tensors&) {});
  fs::rename(model + "/model.safetensors", model + "/model-00001-of-00002.safetensors");
  folder.write("model/model.safetensors.index.json",
               R"({"weight_map": {"pooler.dense.bias": "model-00001-of-00002.safetensors",
                                  "nobody": "model-00001-of-00002.safetensors",
                                  "other": "model-00002-of-00002.safetensors"}})");
  const Outcome outcome = verify(model, {"--json"});
  CAPTURE(outcome.out);
  CHECK(outcome.exit_code != 0);
  CHECK(contains(outcome.out, "the shard model-00002-of-00002.safetensors is not there"));
  CHECK(contains(outcome.out, "says that 'nobody' is in model-00001-of-00002.safetensors"));
  CHECK(contains(outcome.out, "holds 'pooler.dense.weight', which model.safetensors.index.json"));
}
