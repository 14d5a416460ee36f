// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "../../engine/base/format.h"
#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "../hub/hub_server.h"
#include "../needs.h"
#include "program.h"

using namespace tern::test;
using ::tern::DType;
using ::tern::hub::Json;
using ::tern::hub::SafetensorsFile;
using ::tern::hub::TensorEntry;

namespace {

::tern::Bytes bytes_of(const SafetensorsFile& file, const TensorEntry& tensor) {
  return {file.storage->data() + tensor.begin, tensor.end - tensor.begin};
}

const TensorEntry& find(const SafetensorsFile& file, const std::string& name) {
  for (const TensorEntry& tensor : file.header.tensors) {
    if (tensor.name == name) return tensor;
  }
  FAIL("no tensor " << name);
  return file.header.tensors.front();
}

/// The inputs of a golden case as a file of their own, int64 ones narrowed to int32 if asked for.
std::string write_inputs(const TemporaryFolder& folder, const SafetensorsFile& golden_file,
                         const std::string& name, bool narrowed = false) {
  const std::string prefix = "case/" + name + "/in/";
  std::vector<::tern::hub::TensorToWrite> tensors;
  std::vector<std::vector<int32_t>> kept;
  for (const TensorEntry& tensor : golden_file.header.tensors) {
    if (!tensor.name.starts_with(prefix)) continue;
    const ::tern::Bytes bytes = bytes_of(golden_file, tensor);
    const std::string input = tensor.name.substr(prefix.size());
    if (narrowed && tensor.dtype == DType::i64) {
      auto& values = kept.emplace_back();
      for (size_t i = 0; i < bytes.size(); i += sizeof(int64_t)) {
        int64_t value;
        std::memcpy(&value, bytes.data() + i, sizeof value);
        values.push_back(static_cast<int32_t>(value));
      }
      tensors.push_back({input, DType::i32, tensor.shape, std::as_bytes(std::span(values))});
    } else {
      tensors.push_back({input, tensor.dtype, tensor.shape, bytes});
    }
  }
  const std::string path = folder / "in.safetensors";
  ::tern::hub::write_safetensors(path, tensors);
  return path;
}

/// Every golden output of the case is there, F32, of that shape, within 3e-5 · max(1,
/// max|expected|).
void check_outputs(const SafetensorsFile& golden_file, const std::string& name,
                   const std::string& outputs_path) {
  const SafetensorsFile outputs = ::tern::hub::open_safetensors(outputs_path);
  const std::string prefix = "case/" + name + "/out/";
  for (const TensorEntry& expected : golden_file.header.tensors) {
    if (!expected.name.starts_with(prefix)) continue;
    const TensorEntry& found = find(outputs, expected.name.substr(prefix.size()));
    CAPTURE(found.name);
    REQUIRE(found.dtype == DType::f32);
    REQUIRE(found.shape == expected.shape);
    std::vector<float> a((expected.end - expected.begin) / sizeof(float)), b(a.size());
    std::memcpy(a.data(), bytes_of(golden_file, expected).data(), a.size() * sizeof(float));
    std::memcpy(b.data(), bytes_of(outputs, found).data(), b.size() * sizeof(float));
    float largest = 1, error = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(a[i]));
      error = std::max(error, std::abs(a[i] - b[i]));
    }
    CHECK(error <= 3e-5f * largest);
  }
}

}  // namespace

TEST_CASE("forward gives the golden outputs, the sentence embedding of a folder with modules too") {
  for (const char* name : {"bert", "minilm"}) {
    const std::string model = golden(name);
    if (model.empty()) return;
    CAPTURE(name);
    const TemporaryFolder folder;
    const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
    const std::string text = read_file(model + "/golden.json");
    const Json cases = Json::parse(text, "golden.json")["cases"];
    for (const Json& test : cases.elements()) {
      const std::string case_name(test["name"].string().value());
      CAPTURE(case_name);
      const std::string outputs = folder / "out.safetensors";
      std::vector<std::string> arguments = {
          "forward",   model,
          "--task",    std::string(test["auto_class"].string().value()),
          "--inputs",  write_inputs(folder, file, case_name),
          "--outputs", outputs,
          "--dtype",   "float32"};
      for (const auto& [key, value] : test["kwargs"].members()) {
        arguments.push_back("--set");
        arguments.push_back(std::string(key) + "=" + value.dump());
      }
      const Outcome outcome = run_tern(arguments);
      CAPTURE(outcome.err);
      REQUIRE(outcome.exit_code == 0);
      CHECK(outcome.out.empty());
      check_outputs(file, case_name, outputs);
    }
  }
}

TEST_CASE("forward reads int32 inputs as int64 and writes the loading report") {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "padded", true);
  const std::string outputs = folder / "out.safetensors", report = folder / "report.json";
  const Outcome outcome = run_tern({"forward", model, "--task", "BertForMaskedLM", "--inputs",
                                    inputs, "--outputs", outputs, "--report", report});
  CAPTURE(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const Json json = Json::parse(read_file(report), "report");
  CHECK(json["missing_keys"].elements().size() > 0);
  CHECK(json["unexpected_keys"].is_array());
  CHECK(json["mismatched_keys"].elements().empty());
  CHECK(json["dtype"].string() == "float32");
  CHECK(outcome.err.find(json["missing_keys"].elements()[0].string().value()) != std::string::npos);
  CHECK(find(::tern::hub::open_safetensors(outputs), "logits").dtype == DType::f32);
}

TEST_CASE("forward reads pytorch_model.bin of both forms, and says what it loaded") {
  std::string first;
  for (const char* name : {"loading/bert-safetensors", "loading/bert-bin",
                           "loading/bert-bin-legacy", "loading/bert-gamma-beta-bin"}) {
    const std::string model = golden(name);
    if (model.empty()) return;
    CAPTURE(std::string(name));
    const TemporaryFolder folder;
    const auto file = ::tern::hub::open_safetensors(golden("loading") + "/golden.safetensors");
    const std::string outputs = folder / "out.safetensors", report = folder / "report.json";
    const Outcome outcome = run_tern({"forward", model, "--task", "AutoModel", "--inputs",
                                      write_inputs(folder, file, "bert"), "--outputs", outputs,
                                      "--load", "use_safetensors=null", "--load",
                                      "ignore_mismatched_sizes=null", "--report", report});
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    const std::string bytes = read_file(outputs);
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
    const Json json = Json::parse(read_file(report), "report");
    CHECK(json["missing_keys"].elements().empty());
    CHECK(json["unexpected_keys"].elements().size() == 7);  // the heads
  }
}

TEST_CASE("forward renames the file's tensors by key_mapping" * NeedsRegex()) {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "padded");
  const std::string outputs = folder / "out.safetensors", report = folder / "report.json";
  // The second layer's tensors become a third's, which the model does not have.
  const Outcome outcome = run_tern(
      {"forward", model, "--inputs", inputs, "--outputs", outputs, "--report", report, "--load",
       "key_mapping={\"^(encoder\\\\.layer)\\\\.1\\\\.\": \"encoder.layer.2.\"}"});
  CAPTURE(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const Json json = Json::parse(read_file(report), "report");
  CHECK(json["missing_keys"].elements().size() == 16);
  CHECK(json["unexpected_keys"].elements().size() == 16);
  CHECK(json["unexpected_keys"].elements()[0].string()->starts_with("encoder.layer.2."));
}

TEST_CASE("forward downloads the weights that --load asks for" * NeedsHub()) {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  FakeHub hub;
  FakeHub::Model& files = hub.models["org/name"];
  files.files["config.json"] = {.content = read_file(model + "/config.json")};
  files.files["model.safetensors"] = {.content = "not these", .large = true};
  files.files["model.fp16.safetensors"] = {.content = read_file(model + "/model.safetensors"),
                                           .large = true};
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::vector<std::string> arguments = {"forward",   "org/name",
                                              "--inputs",  write_inputs(folder, file, "padded"),
                                              "--outputs", folder / "out.safetensors",
                                              "--load",    "variant=\"fp16\""};
  const Run run = {.variables = {"HF_ENDPOINT=" + hub.endpoint(),
                                 "HF_HUB_CACHE=" + (folder / "cache"), "HOME=" + (folder / "home"),
                                 "HF_HUB_OFFLINE=0", "no_proxy=127.0.0.1"}};
  const Outcome outcome = run_tern(arguments, run);
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == 0);
  std::vector<std::string> offline = arguments;
  offline.insert(offline.end(),
                 {"--load", "local_files_only=true", "--load", "revision=\"other\""});
  const size_t asked = hub.requests().size();
  CHECK(run_tern(offline, run).exit_code == 3);
  CHECK(hub.requests().size() == asked);
}

TEST_CASE("forward reads TensorFlow's and Flax's weights when it is told to, and else says so") {
  const std::string model = golden("loading/bert-flax");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(golden("loading") + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "bert");
  const auto run = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"forward", golden("loading/" + name), "--task", "AutoModel",
                               "--inputs", inputs, "--outputs", folder / name});
    return run_tern(more);
  };
  CHECK(run("bert-safetensors", {}).exit_code == 0);
  for (const auto& form : {std::pair("bert-flax", "from_flax"), std::pair("bert-tf", "from_tf")}) {
    const std::string name = form.first, argument = form.second;
    CAPTURE(name);
    const Outcome without = run(name, {});
    CHECK(without.exit_code == 3);
    CHECK(without.err.find(::tern::cat(argument, " = true loads them")) != std::string::npos);
    const Outcome with = run(name, {"--load", ::tern::cat(argument, "=true")});
    if (with.err.find("-Dhdf5=enabled") != std::string::npos) continue;
    CHECK(with.exit_code == 0);
    CHECK(read_file(folder / name) == read_file(folder / "bert-safetensors"));
  }
}

TEST_CASE("forward refuses unknown tasks, unknown inputs and values of a wrong type") {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "padded");
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"forward", model, "--inputs", inputs, "--outputs", folder / "out"});
    const Outcome outcome = run_tern(more);
    CHECK(outcome.out.empty());
    CHECK_FALSE(exists(folder / "out"));
    return outcome.exit_code;
  };
  CHECK(run({"--task", "AutoModelForNothing"}) != 0);
  CHECK(run({"--load", "ignore_mismatched_sizes=1"}) == 2);
  CHECK(run({"--load", "local_files_only=1"}) == 2);
  CHECK(run({"--load", "revision=3"}) == 2);
  CHECK(run({"--load", "variant=\"fp16\""}) == 3);
  CHECK(run({"--load", "variant=3"}) == 2);
  CHECK(run({"--load", "use_safetensors=\"yes\""}) == 2);
  CHECK(run({"--load", "use_safetensors=false"}) == 3);
  CHECK(run({"--load", "key_mapping=[1]"}) == 2);
  CHECK(run({"--load", "key_mapping={\"(\": \"\"}"}) == 4);
  CHECK(run({"--set", "nonesuch=true"}) == 2);
  CHECK(run_tern({"forward", model, "--inputs", folder / "none", "--outputs", folder / "out"})
            .exit_code == 3);
  const std::string bad = folder.write("bad.safetensors", "not a tensor file");
  CHECK(run_tern({"forward", model, "--inputs", bad, "--outputs", folder / "out"}).exit_code == 4);
}
